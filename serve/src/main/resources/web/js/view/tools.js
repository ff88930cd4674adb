import {sendResults} from '../chat.js';
import {t} from '../language.js';
import {codeToHtml} from '../markdown.js';
import {Pure, h, icon} from '../ui.js';

/** Functions that the model wants called. The user is the one who calls them, and writes what they gave. */
export function ToolCalls({item, open}) {
  const send = event => {
    event.preventDefault();
    sendResults(item, Array.from(event.target.elements).filter(e => e.matches('textarea')).map(e => e.value));
  };
  return h('form', {class: 'calls', onSubmit: send},
      item.toolCalls.map((call, i) => h('div', {class: 'call', key: i},
          h('div', {class: 'call-head'}, icon('tool'), h('span', null, t('toolCall')), h('code', null, call.name)),
          h('pre', null, h('code', {dangerouslySetInnerHTML: {__html: codeToHtml(pretty(call.arguments), 'json')}})),
          open && h('textarea', {
            rows: 2, placeholder: t('toolResultHint'), 'aria-label': `${t('toolResult')}: ${call.name}`,
          }))),
      open && h('button', {type: 'submit', class: 'primary'}, t('sendResults')));
}

export class ToolResult extends Pure {
  render({item}) {
    return h('li', {class: 'result'},
        h('details', {class: 'fold'},
            h('summary', null, icon('right'), t('toolResult'), ' ', h('code', null, item.name)),
            h('pre', null, h('code', null, item.content))));
  }
}

function pretty(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json; // still growing, or not JSON at all: as it is
  }
}
