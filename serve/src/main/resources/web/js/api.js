// The OpenAI API of the server that this page came from. Addresses are relative: a proxy may put us in a folder.
import {events} from './sse.js';

/**
 * An answer of the server that says no, or no answer at all.
 * kind: 'unreachable' (no answer), 'key' (401, 403), 'busy' (429, 503), 'refused' (other 4xx), 'failed' (the rest).
 */
export class ApiError extends Error {
  constructor(kind, message, retryAfter) {
    super(message);
    this.kind = kind;
    this.retryAfter = retryAfter;
  }
}

/** The models that can be asked: [{id, context}]; context is undefined if the server does not tell. */
export async function models(key, signal) {
  const response = await request('v1/models', {headers: headers(key), signal});
  const {data} = await response.json();
  return data.map(model => ({id: model.id, context: model.max_model_len ?? model.context_length ?? model.meta?.n_ctx}));
}

/**
 * Asks for an answer and yields its pieces: {content}, {reasoning}, {toolCalls}, {finish}, {usage}.
 * Ends quietly only after the server's [DONE]; a connection that breaks before is an 'unreachable' error.
 */
export async function* completion(body, key, signal) {
  const response = await request('v1/chat/completions', {
    method: 'POST',
    headers: {...headers(key), 'Content-Type': 'application/json'},
    body: JSON.stringify({...body, stream: true, stream_options: {include_usage: true}}),
    signal,
  });
  try {
    for await (const data of events(response.body)) {
      if (data === '[DONE]') {
        return;
      }
      yield* pieces(JSON.parse(data));
    }
  } catch (error) {
    throw error instanceof TypeError ? new ApiError('unreachable', error.message) : error;
  }
  throw new ApiError('unreachable', 'stream ended early');
}

function* pieces(chunk) {
  if (chunk.error) {
    throw new ApiError('failed', chunk.error.message ?? String(chunk.error));
  }
  const choice = chunk.choices?.[0];
  const delta = choice?.delta ?? {};
  const reasoning = delta.reasoning_content ?? delta.reasoning;
  if (reasoning) {
    yield {reasoning};
  }
  if (delta.content) {
    yield {content: delta.content};
  }
  if (delta.tool_calls) {
    yield {toolCalls: delta.tool_calls};
  }
  if (choice?.finish_reason) {
    yield {finish: choice.finish_reason};
  }
  if (chunk.usage) {
    yield {usage: chunk.usage};
  }
}

function headers(key) {
  return key ? {Authorization: `Bearer ${key}`} : {};
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw error.name === 'AbortError' ? error : new ApiError('unreachable', error.message);
  }
  if (response.ok) {
    return response;
  }
  const text = await response.text().catch(() => '');
  throw new ApiError(kind(response.status), message(text) ?? `HTTP ${response.status}`,
      response.headers.get('Retry-After'));
}

function kind(status) {
  if (status === 401 || status === 403) {
    return 'key';
  }
  if (status === 429 || status === 503) {
    return 'busy';
  }
  return status < 500 ? 'refused' : 'failed';
}

function message(text) {
  try {
    return JSON.parse(text).error?.message;
  } catch {
    return undefined; // a proxy's page, for example
  }
}
