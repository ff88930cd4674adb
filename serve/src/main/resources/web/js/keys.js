// Keys that work wherever the focus is.
import {stop} from './chat.js';
import {path} from './conversation.js';
import {open} from './history.js';
import {current, currentRun, state, update} from './state.js';

export function listenToKeys() {
  addEventListener('keydown', event => {
    if (event.isComposing || state.settingsOpen) {
      return; // the first is half a Chinese word; the dialog has keys of its own
    }
    if (event.key === 'Escape') {
      escape();
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      update({listOpen: true});
      document.getElementById('search').focus();
    } else if ((event.ctrlKey || event.metaKey) && event.shiftKey && event.key.toLowerCase() === 'o') {
      event.preventDefault();
      open(null);
      document.getElementById('composer').focus();
    }
  });
}

function escape() {
  if (state.editing || state.renaming) {
    update({editing: null, renaming: null});
  } else if (currentRun()) {
    stop();
  } else if (state.listOpen) {
    update({listOpen: false});
  }
}

/** Opens the user's last message for editing. */
export function editLast() {
  const conversation = current();
  const last = conversation && path(conversation).findLast(item => item.role === 'user');
  if (last && !currentRun()) {
    update({editing: last.id});
  }
}
