// The list of conversations: open, rename, delete, search, export, import.
import {afterReload} from './conversation.js';
import * as database from './database.js';
import {fromJson, toJson} from './exchange.js';
import {t} from './language.js';
import {current, notify, state, update} from './state.js';
import {download} from './ui.js';

/** Saves a conversation and puts it at the head of the list. */
export async function store(conversation) {
  const {id, title, created, updated} = conversation;
  update({heads: [{id, title, created, updated}, ...state.heads.filter(head => head.id !== id)]});
  await kept(database.save(conversation));
}

/** Shows a conversation; null for a new one. */
export async function open(id) {
  if (id === state.opened?.id) {
    update({listOpen: false});
    return;
  }
  const conversation =
      state.runs.get(id)?.conversation ?? (id && await kept(database.load(id)).then(c => c && afterReload(c)));
  update({opened: conversation ?? null, editing: null, listOpen: false});
}

export async function rename(id, title) {
  const conversation = await anyById(id);
  const renamed = {...conversation, title: title.trim().slice(0, 200), named: title.trim() !== ''};
  const run = state.runs.get(id);
  if (run) {
    run.conversation = renamed;
  }
  update({renaming: null});
  await kept(database.save(renamed)); // shown as renamed only once it is
  update({
    heads: state.heads.map(head => (head.id === id ? {...head, title: renamed.title} : head)),
    ...(state.opened?.id === id && {opened: renamed}),
  });
}

export async function remove(id) {
  const title = state.heads.find(head => head.id === id)?.title || t('untitled');
  if (!confirm(t('removeSure', {title}))) {
    return;
  }
  const run = state.runs.get(id);
  state.runs.delete(id); // first, so that the end of the run does not save it once more
  run?.controller.abort();
  await kept(database.remove(id));
  forget(id);
}

function forget(id) {
  update({
    heads: state.heads.filter(head => head.id !== id),
    ...(state.opened?.id === id && {opened: null}),
  });
}

/** Changes the system prompt: of the conversation shown, if any. New ones take it from the settings. */
export function instruct(system) {
  const conversation = current();
  if (conversation && conversation.system !== system) {
    const run = state.runs.get(conversation.id);
    const changed = {...conversation, system};
    if (run) {
      run.conversation = changed;
    }
    update({opened: changed});
    kept(database.save(changed));
  }
}

let asked = 0;

/** Narrows the list to conversations in which a text occurs. */
export async function search(query) {
  const turn = ++asked;
  update({query});
  const found = query.trim() === '' ? null : await kept(database.search(query.trim()));
  if (turn === asked) { // else a later search has begun
    update({found});
  }
}

export async function exportOne(id) {
  const conversation = await anyById(id);
  const name = (conversation.title || t('untitled')).replace(/[^\p{L}\p{N}]+/gu, '-').slice(0, 40);
  download(`${name}.json`, toJson([conversation]));
}

export async function exportAll() {
  download(`conversations-${new Date().toISOString().slice(0, 10)}.json`, toJson(await kept(database.all())));
}

export async function importFile(file) {
  let conversations;
  try {
    conversations = fromJson(await file.text());
  } catch (error) {
    notify(t('importFailed', {problem: error.message}), 'problem');
    return;
  }
  await kept(database.save(...conversations));
  await refresh();
  notify(t('imported', {n: conversations.length}));
}

export async function refresh() {
  update({heads: await kept(database.list())});
}

/** Reads the list, and keeps it in step with other tabs. */
export async function start() {
  database.onOtherTab(async ({changed, removed}) => {
    if (removed) {
      forget(removed);
      return;
    }
    await refresh();
    const id = state.opened?.id;
    if (changed.includes(id) && !state.runs.has(id)) {
      update({opened: await kept(database.load(id))});
    }
  });
  await refresh();
}

function anyById(id) {
  const shown = current();
  return shown?.id === id ? shown : (state.runs.get(id)?.conversation ?? kept(database.load(id)));
}

/** The result of a database's promise; what goes wrong is shown. */
async function kept(promise) {
  try {
    return await promise;
  } catch (error) {
    notify(t('storageFailed', {problem: error?.message ?? ''}), 'problem');
    throw error;
  }
}
