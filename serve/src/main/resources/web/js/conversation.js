/**
 * Conversations as data, changed only by making new ones.
 *
 * Messages form a tree: a message that is edited, or an answer that is asked for again, gets a sibling, and nothing
 * that was said is lost. `leaf` is the last message of the path that is shown.
 *
 *   conversation {id, title, named, created, updated, model, system, nodes: {id: node}, leaf}
 *   node {id, parent, role, content, created, ...}
 *     of an assistant also {model, status, problem, reasoning, toolCalls, usage, seconds, firstSeconds}
 *     of a tool also {callId, name}
 *   status: 'running', 'done', 'stopped', 'length', 'lost' (connection broke), 'failed' (problem says why)
 */

/** Not crypto.randomUUID: it is missing where a page came by plain HTTP from another machine. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), b => b.toString(16).padStart(2, '0')).join('');
}

export function create(system, model) {
  const now = Date.now();
  return {id: newId(), title: '', named: false, created: now, updated: now, model, system, nodes: {}, leaf: null};
}

export function node(parent, role, content, more = {}) {
  return {id: newId(), parent, role, content, created: Date.now(), ...more};
}

/** Adds a node or replaces the one of its id, and leads the shown path to it if it is new. */
export function put(conversation, item) {
  const isNew = !(item.id in conversation.nodes);
  const title = conversation.named || conversation.title ? conversation.title : titleOf(item);
  return {
    ...conversation,
    title,
    updated: Date.now(),
    nodes: {...conversation.nodes, [item.id]: item},
    leaf: isNew ? item.id : conversation.leaf,
  };
}

function titleOf(item) {
  return item.role === 'user' ? item.content.trim().replace(/\s+/g, ' ').slice(0, 80) : '';
}

/** The shown messages, first to last; or those that lead to a given one. */
export function path(conversation, leaf = conversation.leaf) {
  const result = [];
  for (let at = conversation.nodes[leaf]; at; at = conversation.nodes[at.parent]) {
    result.push(at);
  }
  return result.reverse();
}

/** The versions of a message, oldest first, itself among them. */
export function siblings(conversation, item) {
  return Object.values(conversation.nodes).filter(other => other.parent === item.parent);
}

/** The conversation with another version of a message shown, and what was said last after it. */
export function show(conversation, item) {
  let leaf = item;
  for (;;) {
    const next = Object.values(conversation.nodes).filter(other => other.parent === leaf.id).at(-1);
    if (!next) {
      return {...conversation, leaf: leaf.id};
    }
    leaf = next;
  }
}

/** What the API is asked, for an answer below the node `parent`. */
export function toMessages(conversation, parent) {
  const messages = conversation.system ? [{role: 'system', content: conversation.system}] : [];
  for (const item of path(conversation, parent)) {
    const message = {role: item.role, content: item.content};
    if (item.toolCalls?.length) {
      message.tool_calls = item.toolCalls.map(call =>
        ({id: call.id, type: 'function', function: {name: call.name, arguments: call.arguments}}));
    }
    if (item.role === 'tool') {
      message.tool_call_id = item.callId;
    }
    messages.push(message);
  }
  return messages;
}

/** Adds the pieces of tool calls that a stream brought to those that are there. */
export function joinToolCalls(calls, pieces) {
  const result = [...(calls ?? [])];
  for (const piece of pieces) {
    const index = piece.index ?? result.length;
    const before = result[index] ?? {id: '', name: '', arguments: ''};
    result[index] = {
      id: piece.id ?? before.id,
      name: before.name + (piece.function?.name ?? ''),
      arguments: before.arguments + (piece.function?.arguments ?? ''),
    };
  }
  return result;
}

/** What a page left running when it was closed did not end well. */
export function afterReload(conversation) {
  const running = Object.values(conversation.nodes).filter(item => item.status === 'running');
  return running.reduce((c, item) => ({...c, nodes: {...c.nodes, [item.id]: {...item, status: 'lost'}}}), conversation);
}
