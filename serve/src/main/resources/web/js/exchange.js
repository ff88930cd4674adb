// Conversations as files. What is read may come from anyone, so each field is checked and copied by name.
import {newId} from './conversation.js';

const FORMAT = 'llm-engine-conversations';
const ROLES = ['user', 'assistant', 'tool'];
const STATUSES = ['done', 'stopped', 'length', 'lost', 'failed'];

export function toJson(conversations) {
  return JSON.stringify({format: FORMAT, version: 1, conversations}, null, 1);
}

/** The conversations in a file's text. Throws an Error that says what is wrong where. */
export function fromJson(text) {
  const file = JSON.parse(text);
  if (file?.format !== FORMAT || file.version !== 1) {
    throw new Error(`format: expected "${FORMAT}" version 1, got "${file?.format}" version ${file?.version}`);
  }
  if (!Array.isArray(file.conversations)) {
    throw new Error('conversations: expected a list');
  }
  return file.conversations.map((c, i) => conversation(c, `conversations[${i}]`));
}

function conversation(c, where) {
  const nodes = {};
  for (const [id, value] of Object.entries(object(c?.nodes, `${where}.nodes`))) {
    const item = message(value, `${where}.nodes.${id}`);
    // our ids are hexadecimal; a name such as __proto__ would be no entry of the map at all
    if (!/^[0-9a-f]{1,64}$/.test(id) || item.id !== id) {
      throw new Error(`${where}.nodes: expected an id of hexadecimal digits, got ${id} and ${item.id}`);
    }
    if (item.parent !== null && !Object.hasOwn(nodes, item.parent)) {
      throw new Error(`${where}.nodes.${id}.parent: expected a message that comes before, got ${item.parent}`);
    }
    nodes[id] = item;
  }
  const leaf = c.leaf ?? null;
  if (leaf !== null && !Object.hasOwn(nodes, leaf)) {
    throw new Error(`${where}.leaf: no message has the id ${leaf}`);
  }
  return {
    id: newId(), // a copy, never in place of a conversation that is here
    title: string(c.title, `${where}.title`).slice(0, 200),
    named: c.named === true,
    created: number(c.created, `${where}.created`),
    updated: number(c.updated, `${where}.updated`),
    model: optional(string, c.model, `${where}.model`) ?? null,
    system: optional(string, c.system, `${where}.system`) ?? '',
    nodes,
    leaf,
  };
}

function message(m, where) {
  if (!ROLES.includes(m?.role)) {
    throw new Error(`${where}.role: expected one of ${ROLES.join(', ')}, got ${m?.role}`);
  }
  const result = {
    id: string(m.id, `${where}.id`),
    parent: m.parent === null ? null : string(m.parent, `${where}.parent`),
    role: m.role,
    content: string(m.content, `${where}.content`),
    created: number(m.created, `${where}.created`),
  };
  for (const key of ['model', 'problem', 'reasoning', 'callId', 'name']) {
    if (m[key] != null) {
      result[key] = string(m[key], `${where}.${key}`);
    }
  }
  for (const key of ['seconds', 'firstSeconds']) {
    if (m[key] != null) {
      result[key] = number(m[key], `${where}.${key}`);
    }
  }
  if (m.role === 'assistant') {
    result.status = STATUSES.includes(m.status) ? m.status : 'done';
  }
  if (m.usage != null) {
    result.usage = {
      prompt_tokens: number(m.usage.prompt_tokens, `${where}.usage.prompt_tokens`),
      completion_tokens: number(m.usage.completion_tokens, `${where}.usage.completion_tokens`),
    };
  }
  if (m.toolCalls != null) {
    result.toolCalls = Array.from(m.toolCalls, (call, i) => ({
      id: string(call?.id, `${where}.toolCalls[${i}].id`),
      name: string(call.name, `${where}.toolCalls[${i}].name`),
      arguments: string(call.arguments, `${where}.toolCalls[${i}].arguments`),
    }));
  }
  return result;
}

function object(value, where) {
  return typed(value, 'object', where);
}

function string(value, where) {
  return typed(value, 'string', where);
}

function number(value, where) {
  return typed(value, 'number', where);
}

function typed(value, type, where) {
  if (typeof value !== type || value === null) {
    throw new Error(`${where}: expected ${type}, got ${value === null ? 'null' : typeof value}`);
  }
  return value;
}

function optional(read, value, where) {
  return value == null ? undefined : read(value, where);
}
