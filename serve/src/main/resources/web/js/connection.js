// Whether the server is there, and which models it has.
import {models} from './api.js';
import {t} from './language.js';
import {notify, state, update} from './state.js';

/** Milliseconds between two tries while the server is away. */
const RETRY = 2000;

let checking = false;
let timer;

/** Asks for the models. While the server does not answer, it is asked again and again. */
export async function checkServer() {
  clearTimeout(timer);
  if (checking) {
    return;
  }
  checking = true;
  try {
    const list = await models(state.settings.key, AbortSignal.timeout(10_000));
    if (state.connection === 'lost') {
      notify(t('serverBack'));
    }
    update({models: list, connection: 'ok'});
  } catch (error) {
    update({connection: error.kind === 'key' ? 'key' : 'lost'});
    if (error.kind !== 'key') {
      timer = setTimeout(checkServer, RETRY);
    }
  } finally {
    checking = false;
  }
}
