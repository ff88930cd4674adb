import {checkServer} from '../connection.js';
import {instruct} from '../history.js';
import {LANGUAGES, t, useLanguage} from '../language.js';
import {SAMPLING, parseTools, saveSettings} from '../settings.js';
import {notify, state, update} from '../state.js';
import {Component, createRef, h, iconButton} from '../ui.js';

/** Changes settings, and whatever follows from them at once. */
export function change(changes) {
  const settings = {...state.settings, ...changes};
  try {
    saveSettings(settings);
  } catch (error) {
    notify(t('storageFailed', {problem: error.message}), 'problem');
  }
  if ('language' in changes) {
    useLanguage(settings.language);
  }
  if ('theme' in changes) {
    document.documentElement.dataset.theme = settings.theme;
  }
  update({settings});
}

/** A sheet with everything that can be set. */
export class Settings extends Component {
  dialog = createRef();

  componentDidMount() {
    this.dialog.current.showModal();
    if (state.settingsOpen === 'key') {
      document.getElementById('key').focus();
    }
  }

  render({settings, conversation}) {
    return h('dialog', {
      ref: this.dialog, class: 'settings', 'aria-labelledby': 'settings-title',
      onClose: () => update({settingsOpen: false}),
      onClick: event => event.target === event.currentTarget && event.currentTarget.close(), // beside the sheet
    }, h('div', {class: 'sheet'},
        h('div', {class: 'sheet-head'},
            h('h1', {id: 'settings-title'}, t('settings')),
            iconButton('close', t('close'), () => this.dialog.current.close())),
        h(Instructions, {settings, conversation}),
        h(Sampling, {settings}),
        h(General, {settings}),
        h(Tools, {settings}),
        h(Keyboard)));
  }
}

function Instructions({settings, conversation}) {
  return h('section', null,
      h('label', {for: 'system'}, h('h2', null, t('instructions'))),
      h('textarea', {
        id: 'system', rows: 4, placeholder: t('instructionsHint'), 'aria-describedby': 'system-note',
        value: conversation?.system ?? settings.system,
        onChange: ({target}) => {
          change({system: target.value});
          instruct(target.value);
        },
      }),
      h('p', {class: 'quiet', id: 'system-note'}, t('instructionsNote')));
}

function Sampling({settings}) {
  const set = (name, value) => change({sampling: {...settings.sampling, [name]: value}});
  return h('section', null,
      h('div', {class: 'section-head'},
          h('h2', null, t('sampling')),
          h('button', {type: 'button', class: 'text-button', onClick: () => change({sampling: {}, stop: ''})}, t('reset'))),
      h('p', {class: 'quiet'}, t('samplingNote')),
      h('div', {class: 'fields'}, SAMPLING.map(({name, min, max, step}) => h('label', {key: name},
          h('span', null, t(name)),
          h('input', {
            id: name, type: 'number', inputMode: 'decimal', min, max, step, placeholder: t('byServer'),
            value: settings.sampling[name] ?? '', onInput: ({target}) => set(name, target.value),
          })))),
      h('label', {class: 'field'},
          h('span', null, t('stopTexts')),
          h('textarea', {id: 'stop-texts', rows: 2, value: settings.stop, onInput: e => change({stop: e.target.value})}),
          h('span', {class: 'quiet'}, t('stopTextsNote'))));
}

function General({settings}) {
  return h('section', null,
      h('h2', null, t('general')),
      h(Choice, {
        name: 'theme', label: t('theme'), value: settings.theme,
        options: ['system', 'light', 'dark'].map(value => [value, t(value)]),
      }),
      h(Choice, {
        name: 'language', label: t('language'), value: settings.language,
        options: [['system', t('system')], ['en', 'English'], ['zh', '中文']].filter(
            ([value]) => value === 'system' || value in LANGUAGES),
      }),
      h('label', {class: 'field'},
          h('span', null, t('apiKey')),
          h('input', {
            id: 'key', type: 'password', autocomplete: 'off', spellcheck: false, value: settings.key,
            onChange: ({target}) => {
              change({key: target.value.trim()});
              checkServer();
            },
          }),
          h('span', {class: 'quiet'}, t('apiKeyNote'))));
}

function Choice({name, label, value, options}) {
  return h('fieldset', {class: 'choice'},
      h('legend', null, label),
      options.map(([option, text]) => h('label', {key: option},
          h('input', {
            type: 'radio', name, value: option, checked: option === value, onChange: () => change({[name]: option}),
          }),
          h('span', null, text))));
}

function Tools({settings}) {
  const {problem} = parseTools(settings.tools);
  return h('section', null,
      h('label', {for: 'tools'}, h('h2', null, t('tools'))),
      h('textarea', {
        id: 'tools', class: 'mono', rows: 3, spellcheck: false, value: settings.tools, 'aria-invalid': Boolean(problem),
        placeholder: '[{"type": "function", "function": {"name": "..."}}]', onInput: e => change({tools: e.target.value}),
      }),
      h('p', {class: problem ? 'quiet problem' : 'quiet'}, problem ? t('toolsWrong', {problem}) : t('toolsNote')));
}

function Keyboard() {
  const keys = [['Enter', 'keySend'], ['Shift Enter', 'keyLine'], ['Esc', 'keyStop'], ['↑', 'keyEdit'],
    ['Ctrl K', 'keySearch'], ['Ctrl Shift O', 'keyNew']];
  return h('section', {class: 'keyboard'},
      h('h2', null, t('keyboard')),
      h('dl', null, keys.map(([key, text]) => h('div', {key},
          h('dt', null, t(text)), h('dd', null, key.split(' ').map(k => h('kbd', {key: k}, k)))))));
}
