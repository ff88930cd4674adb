import {path} from '../conversation.js';
import {number, t} from '../language.js';
import {open} from '../history.js';
import {chosenModel, update} from '../state.js';
import {change} from './settings.js';
import {h, icon, iconButton} from '../ui.js';

export function Topbar({models, conversation}) {
  const model = chosenModel();
  return h('header', {class: 'topbar'},
      iconButton('menu', t('openList'), () => update({listOpen: true}), {class: 'icon-button narrow-only'}),
      h('label', {class: 'model'},
          h('span', {class: 'off-screen'}, t('model')),
          h('select', {
            id: 'model',
            value: model?.id ?? '',
            disabled: models.length === 0,
            onChange: event => change({model: event.target.value}),
          }, models.length > 0
              ? models.map(({id}) => h('option', {key: id, value: id, selected: id === model.id}, id))
              : h('option', {value: ''}, t('noModel'))),
          icon('chevron')),
      h('span', {class: 'space'}),
      h(ContextMeter, {conversation, context: model?.context}),
      iconButton('plus', t('newChat'), () => {
        open(null);
        document.getElementById('composer').focus();
      }, {class: 'icon-button narrow-only'}),
      iconButton('sliders', t('settings'), () => update({settingsOpen: true}), {id: 'open-settings'}));
}

/** How much of the model's context the conversation takes, as the server counted at the last answer. */
function ContextMeter({conversation, context}) {
  const usage = conversation && path(conversation).findLast(item => item.usage)?.usage;
  if (!usage) {
    return null;
  }
  const used = usage.prompt_tokens + usage.completion_tokens;
  const text = context
      ? t('contextUsed', {used: number(used), all: number(context)})
      : t('contextUsedOnly', {used: number(used)});
  const share = context ? Math.min(1, used / context) : 0;
  return h('div', {class: share > 0.85 ? 'meter full' : 'meter', title: `${t('context')}: ${text}`},
      context && h('progress', {value: share, max: 1, 'aria-label': t('context')}, text),
      h('span', null, text));
}
