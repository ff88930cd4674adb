// All that the page shows, in one place. Views read it, actions change it by update().
import {loadSettings} from './settings.js';

export const state = {
  settings: loadSettings(),
  models: [], // {id, context}
  connection: 'starting', // 'ok', 'lost', 'key'
  heads: [], // of conversations, the one used last first
  query: '', // of the list
  found: null, // ids that match it; null for all
  opened: null, // the conversation shown, if it is not running; null for a new one
  runs: new Map(), // conversation id: {conversation, nodeId, controller}
  editing: null, // id of the message in edit
  renaming: null, // id of the conversation whose title is in edit
  listOpen: false, // on small screens
  settingsOpen: false,
  notice: null, // {text, kind: 'info' or 'problem'}
  announcement: '', // for screen readers
};

let draw = () => {};
let due = false;

export function onUpdate(listener) {
  draw = listener;
}

export function update(changes) {
  Object.assign(state, changes);
  if (!due) {
    due = true;
    queueMicrotask(() => {
      due = false;
      draw();
    });
  }
}

/** The conversation shown, as it is at this moment; null for a new one. */
export function current() {
  return state.runs.get(state.opened?.id)?.conversation ?? state.opened;
}

/** The run of the conversation shown, if there is one. */
export function currentRun() {
  return state.runs.get(state.opened?.id);
}

/** The model that the next answer comes from. */
export function chosenModel() {
  return state.models.find(model => model.id === state.settings.model) ?? state.models[0];
}

let noticeTimer;

export function notify(text, kind = 'info') {
  clearTimeout(noticeTimer);
  update({notice: {text, kind}, announcement: text});
  noticeTimer = setTimeout(() => update({notice: null}), kind === 'info' ? 4000 : 10000);
}
