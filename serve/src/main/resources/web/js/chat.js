// What one can do with the conversation shown: say something, stop, ask again, edit, go on.
import {ApiError, completion} from './api.js';
import {checkServer} from './connection.js';
import * as talk from './conversation.js';
import {store} from './history.js';
import {t} from './language.js';
import {requestFields} from './settings.js';
import {chosenModel, current, currentRun, notify, state, update} from './state.js';

/** Least milliseconds between two drawings of a growing answer, and between two savings of it. */
const DRAW_EVERY = 50;
const SAVE_EVERY = 1000;

const GO_ON = 'Continue exactly where you stopped. Do not repeat what you wrote.';

export function send(text) {
  const model = chosenModel();
  if (text.trim() === '' || !model || currentRun()) {
    return false;
  }
  const conversation = current() ?? talk.create(state.settings.system, model.id);
  ask(talk.put(conversation, talk.node(conversation.leaf, 'user', text)));
  return true;
}

export function stop() {
  currentRun()?.controller.abort();
}

/** Another answer in place of one. */
export function regenerate(item) {
  ask({...current(), leaf: item.parent});
}

/** Another message in place of the user's, and its answer. */
export function edit(item, text) {
  update({editing: null});
  const conversation = current();
  ask(talk.put(conversation, talk.node(item.parent, 'user', text)));
}

export function showVersion(item) {
  open(talk.show(current(), item));
}

/** More of an answer that ended too early, in the same message. */
export function proceed(item) {
  const messages = talk.toMessages(current(), item.id);
  if (item.content === '') {
    messages.pop(); // nothing had arrived: the question is simply asked again
  } else {
    messages.push({role: 'user', content: GO_ON});
  }
  run(current(), {...item, status: 'running', problem: undefined}, messages);
}

/** Results of an answer's tool calls, in their order, and the answer to them. */
export function sendResults(item, results) {
  let conversation = current();
  item.toolCalls.forEach((call, i) => {
    const parent = i === 0 ? item.id : conversation.leaf;
    conversation = talk.put(conversation,
        talk.node(parent, 'tool', results[i], {callId: call.id, name: call.name}));
  });
  ask(conversation);
}

function open(conversation) {
  update({opened: conversation});
  store(conversation);
}

function ask(conversation) {
  const model = chosenModel();
  if (!model) {
    return;
  }
  const messages = talk.toMessages(conversation, conversation.leaf);
  const item = talk.node(conversation.leaf, 'assistant', '', {status: 'running', model: model.id});
  run({...conversation, model: model.id}, item, messages);
}

/** Streams an answer to `messages` onto the end of `item`. */
async function run(start, item, messages) {
  const controller = new AbortController();
  const run = {conversation: talk.put(start, item), nodeId: item.id, controller};
  state.runs.set(start.id, run);
  update({opened: run.conversation, announcement: t('answering')});
  store(run.conversation);

  const set = changes => {
    item = {...item, ...changes};
    run.conversation = talk.put(run.conversation, item);
  };
  const keep = () => state.runs.get(start.id) === run && store(run.conversation); // it may be deleted meanwhile
  const paced = pace(() => update({}), keep);
  const body = {model: item.model, messages, ...requestFields(state.settings)};
  const started = performance.now();
  let first;
  let finish;
  try {
    for await (const piece of completion(body, state.settings.key, controller.signal)) {
      if (piece.content || piece.reasoning || piece.toolCalls) {
        first ??= performance.now();
      }
      finish = piece.finish ?? finish;
      take(piece, item, set);
      paced();
    }
    set({status: finish === 'length' ? 'length' : 'done'});
  } catch (error) {
    set(ending(error, controller.signal));
  }
  if (first) {
    set({seconds: (performance.now() - first) / 1000, firstSeconds: (first - started) / 1000});
  }
  const kept = keep();
  state.runs.delete(start.id);
  // the user may look at another conversation by now
  update({...(state.opened?.id === start.id && {opened: run.conversation}), announcement: told(item)});
  await kept;
}

function told({status, problem}) {
  const key = {done: 'answerComplete', stopped: 'stopped', length: 'lengthReached', lost: 'lost', failed: 'failed'};
  return t(key[status], {problem});
}

function take(piece, item, set) {
  if (piece.content) {
    set({content: item.content + piece.content});
  }
  if (piece.reasoning) {
    set({reasoning: (item.reasoning ?? '') + piece.reasoning});
  }
  if (piece.toolCalls) {
    set({toolCalls: talk.joinToolCalls(item.toolCalls, piece.toolCalls)});
  }
  if (piece.usage) {
    const {prompt_tokens, completion_tokens} = piece.usage;
    set({usage: {prompt_tokens, completion_tokens}});
  }
}

/** How an answer stands after its stream broke off. */
function ending(error, signal) {
  if (signal.aborted) {
    return {status: 'stopped'};
  }
  if (!(error instanceof ApiError)) {
    return {status: 'failed', problem: error.message};
  }
  switch (error.kind) {
    case 'unreachable':
      checkServer();
      return {status: 'lost'};
    case 'key':
      update({connection: 'key'});
      return {status: 'failed', problem: t('keyNeeded')};
    case 'busy':
      if (error.retryAfter) {
        notify(t('busy', {n: error.retryAfter}), 'problem');
      }
      return {status: 'failed', problem: error.message};
    default:
      return {status: 'failed', problem: error.message};
  }
}

/** Draws and saves at most so often, whatever the rate of tokens. The end of a run draws and saves what is left. */
function pace(draw, save) {
  let drawn = 0;
  let saved = performance.now();
  return () => {
    const now = performance.now();
    if (now - drawn >= DRAW_EVERY) {
      drawn = now;
      draw();
    }
    if (now - saved >= SAVE_EVERY) {
      saved = now;
      save();
    }
  };
}
