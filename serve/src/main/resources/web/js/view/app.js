import {checkServer} from '../connection.js';
import {t} from '../language.js';
import {currentRun, current, update} from '../state.js';
import {Fragment, h, icon, iconButton} from '../ui.js';
import {Composer} from './composer.js';
import {Settings} from './settings.js';
import {Sidebar} from './sidebar.js';
import {Thread} from './thread.js';
import {Topbar} from './topbar.js';

export function App(state) {
  const conversation = current();
  const run = currentRun();
  return h(Fragment, null,
      h('a', {class: 'skip', href: '#messages', onClick: focusOn('messages')}, t('skipToMessages')),
      h('a', {class: 'skip', href: '#composer', onClick: focusOn('composer')}, t('skipToComposer')),
      h('div', {class: state.listOpen ? 'app list-open' : 'app'},
          h(Sidebar, {
            heads: state.heads, found: state.found, query: state.query, renaming: state.renaming,
            openedId: conversation?.id, runs: state.runs, language: state.settings.language,
          }),
          h('div', {class: 'veil', onClick: () => update({listOpen: false})}),
          h('main', {class: conversation ? 'main' : 'main fresh'},
              h(Topbar, {models: state.models, settings: state.settings, conversation}),
              h(Connection, {connection: state.connection}),
              h(Thread, {
                conversation, run, editing: state.editing, language: state.settings.language,
              }),
              h(Composer, {running: Boolean(run), ready: state.models.length > 0, conversationId: conversation?.id}))),
      state.settingsOpen && h(Settings, {settings: state.settings, conversation}),
      h('div', {class: 'off-screen', role: 'status', 'aria-live': 'polite'}, state.announcement),
      state.notice && h('div', {class: `notice ${state.notice.kind}`},
          h('span', null, state.notice.text),
          iconButton('close', t('close'), () => update({notice: null}))));
}

/** A bar that says what stands between the page and the server. */
function Connection({connection}) {
  if (connection === 'lost') {
    return h('div', {class: 'bar', role: 'alert'}, icon('warning'), h('span', null, t('serverLost')),
        h('button', {type: 'button', class: 'icon-button', 'aria-label': t('retryNow'), onClick: checkServer}, icon('retry')));
  }
  if (connection === 'key') {
    return h('div', {class: 'bar', role: 'alert'}, icon('warning'), h('span', null, t('keyNeeded')),
        h('button', {type: 'button', class: 'text-button', onClick: () => update({settingsOpen: 'key'})}, t('enterKey')));
  }
  return null;
}

/** The target gets the focus; the address, which names the conversation, stays. */
function focusOn(id) {
  return event => {
    event.preventDefault();
    document.getElementById(id).focus();
  };
}
