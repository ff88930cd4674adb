// Asks a server of the quickstart model by the official client. Usage: node check.js URL
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const client = new OpenAI({baseURL: process.argv[2] + '/v1', apiKey: 'key', maxRetries: 0});
const ask = (content, more = {}) => ({
  model: 'quickstart',
  messages: [{role: 'user', content}],
  temperature: 0,
  ...more,
});
const text = answer => answer.choices[0].message.content;

const checks = {
  async models() {
    const names = [];
    for await (const model of client.models.list()) {
      names.push(model.id);
    }
    assert.deepEqual(names, ['quickstart']);
  },

  async plain() {
    const answer = await client.chat.completions.create(ask('Who are you?'));
    assert.equal(text(answer), 'I am a small language model.');
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(
      answer.usage.total_tokens,
      answer.usage.prompt_tokens + answer.usage.completion_tokens,
    );
  },

  async streaming() {
    const stream = await client.chat.completions.create(
      ask('Who are you?', {stream: true, stream_options: {include_usage: true}}),
    );
    let joined = '';
    let usage;
    for await (const chunk of stream) {
      joined += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    assert.equal(joined, 'I am a small language model.');
    assert.ok(usage.completion_tokens > 0);
  },

  async choicesAndSeed() {
    const request = ask('Tell me about the sea.', {n: 3, seed: 7, temperature: 1.5, max_tokens: 8});
    const one = await client.chat.completions.create(request);
    const two = await client.chat.completions.create(request);
    assert.equal(one.choices.length, 3);
    assert.deepEqual(one.choices.map(c => c.message.content), two.choices.map(c => c.message.content));
  },

  async stop() {
    const answer = await client.chat.completions.create(ask('Who are you?', {stop: ['lang']}));
    assert.equal(text(answer), 'I am a small ');
  },

  async logprobs() {
    const answer = await client.chat.completions.create(
      ask('Who are you?', {logprobs: true, top_logprobs: 3}),
    );
    const tokens = answer.choices[0].logprobs.content;
    assert.equal(tokens.map(t => t.token).join(''), text(answer));
    const bytes = Buffer.from(tokens.flatMap(t => t.bytes));
    assert.equal(bytes.toString('utf8'), text(answer));
    assert.ok(tokens.every(t => t.top_logprobs.length === 3));
  },

  async jsonSchema() {
    const schema = {
      type: 'object',
      properties: {name: {type: 'string', maxLength: 12}, small: {type: 'boolean'}},
      required: ['name', 'small'],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.create(
      ask('Who are you?', {
        response_format: {type: 'json_schema', json_schema: {name: 'who', strict: true, schema}},
      }),
    );
    const value = JSON.parse(text(answer));
    assert.equal(typeof value.name, 'string');
    assert.equal(typeof value.small, 'boolean');
  },

  async tools() {
    const answer = await client.chat.completions.create(
      ask('Who are you?', {
        tools: [{type: 'function', function: {name: 'look', parameters: {type: 'object'}}}],
      }),
    );
    assert.ok(['stop', 'length', 'tool_calls'].includes(answer.choices[0].finish_reason));
  },

  async completions() {
    const answer = await client.completions.create({
      model: 'quickstart',
      prompt: 'The sky is',
      max_tokens: 4,
    });
    assert.ok(answer.choices[0].text.length > 0);
  },

  async embeddings() {
    const {data} = await client.embeddings.create({model: 'quickstart', input: ['The sea.', 'A hill.']});
    assert.equal(data.length, 2);
    const square = data[0].embedding.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(square - 1) < 1e-3);
  },

  async cancellation() {
    const stream = await client.chat.completions.create(
      ask('Tell me about the sea.', {stream: true, max_tokens: 400, ignore_eos: true}),
    );
    for await (const chunk of stream) {
      stream.controller.abort();
      break;
    }
    for (let tries = 0; ; tries++) {
      const metrics = await (await fetch(process.argv[2] + '/metrics', {
        headers: {authorization: 'Bearer key'},
      })).text();
      if (/^llmengine_answers_running 0/m.test(metrics)) {
        break;
      }
      assert.ok(tries < 100, 'the answer goes on');
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  },

  async errors() {
    await assert.rejects(client.chat.completions.create(ask('x', {temperature: 5})), error => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, 'temperature');
      return true;
    });
    await assert.rejects(
      client.chat.completions.create(ask('x', {model: 'gpt-4'})),
      OpenAI.NotFoundError,
    );
    const stranger = new OpenAI({baseURL: process.argv[2] + '/v1', apiKey: 'wrong', maxRetries: 0});
    await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log('ok  ' + name);
}
