import {checkServer} from './connection.js';
import {open, start} from './history.js';
import {useLanguage} from './language.js';
import {listenToKeys} from './keys.js';
import {onUpdate, state} from './state.js';
import {h, render} from './ui.js';
import {App} from './view/app.js';

const root = document.getElementById('app');

function draw() {
  render(h(App, {...state}), root);
  const id = state.opened?.id;
  const address = id ? `#${id}` : location.pathname + location.search;
  if (location.hash !== (id ? `#${id}` : '')) {
    history.pushState(null, '', address); // a reload shows the same conversation, "back" the one before
  }
  document.title = state.opened?.title ? `${state.opened.title} · LLM Engine` : 'LLM Engine';
}

useLanguage(state.settings.language);
listenToKeys();
checkServer();
const wanted = location.hash.slice(1);
try {
  await start();
  if (wanted) {
    await open(wanted);
  }
} finally {
  addEventListener('popstate', () => open(location.hash.slice(1) || null));
  onUpdate(draw);
  draw();
}
