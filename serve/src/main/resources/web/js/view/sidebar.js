import {exportAll, exportOne, importFile, open, remove, rename, search} from '../history.js';
import {t} from '../language.js';
import {state, update} from '../state.js';
import {Component, Pure, createRef, h, icon, iconButton} from '../ui.js';

/** So many conversations are listed at first; the rest on demand. */
const PAGE = 100;

export class Sidebar extends Component {
  state = {limit: PAGE};
  file = createRef();

  render({heads, found, query, renaming, openedId, runs}, {limit}) {
    const matching = found ? heads.filter(head => found.has(head.id)) : heads;
    const shown = matching.slice(0, limit);
    return h('nav', {class: 'sidebar', 'aria-label': t('conversations')},
        h('div', {class: 'sidebar-head'},
            h('span', {class: 'brand'}, h('img', {src: 'icon.svg', alt: '', width: 24, height: 24}), 'LLM Engine'),
            iconButton('close', t('closeList'), () => update({listOpen: false}), {class: 'icon-button narrow-only'})),
        h('button', {type: 'button', id: 'new-chat', class: 'wide-button', onClick: newChat}, icon('plus'), t('newChat')),
        h('label', {class: 'search'},
            icon('search'),
            h('input', {
              id: 'search', type: 'search', value: query, placeholder: t('search'), autocomplete: 'off',
              'aria-label': t('searchConversations'), onInput: event => search(event.target.value),
            })),
        h('div', {class: 'list'},
            shown.length === 0 && h('p', {class: 'quiet'}, t(found ? 'nothingFound' : 'noConversations')),
            byAge(shown).map(([age, group]) => h('section', {key: age},
                h('h2', null, t(age)),
                h('ul', null, group.map(head => h(Entry, {
                  key: head.id, head, active: head.id === openedId, renaming: renaming === head.id,
                  running: runs.has(head.id), language: document.documentElement.lang,
                }))))),
            matching.length > limit && h('button', {
              type: 'button', class: 'text-button', onClick: () => this.setState({limit: limit + PAGE}),
            }, t('more'))),
        h('div', {class: 'sidebar-foot'},
            h('button', {type: 'button', class: 'text-button', onClick: () => this.file.current.click()},
                icon('open'), t('importFile')),
            h('button', {type: 'button', class: 'text-button', onClick: exportAll, disabled: heads.length === 0},
                icon('save'), t('exportAll')),
            h('input', {
              ref: this.file, id: 'import', type: 'file', accept: '.json,application/json', hidden: true,
              'aria-label': t('importFile'), onChange: read,
            })));
  }
}

function newChat() {
  open(null);
  document.getElementById('composer').focus();
}

function read(event) {
  const [file] = event.target.files;
  if (file) {
    importFile(file);
  }
  event.target.value = ''; // so that the same file can be chosen again
}

/** Groups of the list in its order: [[key of the text, heads]]. */
function byAge(heads) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const day = 24 * 60 * 60 * 1000;
  const age = ({updated}) => {
    if (updated >= midnight) {
      return 'today';
    }
    if (updated >= midnight - day) {
      return 'yesterday';
    }
    return updated >= midnight - 7 * day ? 'week' : 'earlier';
  };
  return [...Map.groupBy(heads, age)];
}

class Entry extends Pure {
  render({head, active, renaming, running}) {
    const title = head.title || t('untitled');
    if (renaming) {
      return h('li', {class: 'entry'}, h('input', {
        class: 'rename', 'aria-label': t('rename'), defaultValue: head.title, maxLength: 200,
        ref: field => field?.isConnected && field !== document.activeElement && field.focus(),
        onBlur: event => state.renaming === head.id && rename(head.id, event.target.value), // else Esc took it away
        onKeyDown: event => event.key === 'Enter' && !event.isComposing && event.target.blur(),
      }));
    }
    return h('li', {class: active ? 'entry active' : 'entry'},
        h('button', {
          type: 'button', class: 'entry-title', 'aria-current': active ? 'true' : undefined, title,
          onClick: () => open(head.id), onDblClick: () => update({renaming: head.id}),
        }, running && h('span', {class: 'pulse', 'aria-hidden': 'true'}), title),
        h('span', {class: 'entry-actions'},
            iconButton('pencil', `${t('rename')}: ${title}`, () => update({renaming: head.id})),
            iconButton('save', `${t('exportOne')}: ${title}`, () => exportOne(head.id)),
            iconButton('trash', `${t('remove')}: ${title}`, () => remove(head.id))));
  }
}
