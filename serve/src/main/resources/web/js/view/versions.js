import {showVersion} from '../chat.js';
import {siblings} from '../conversation.js';
import {t} from '../language.js';
import {current} from '../state.js';
import {h, iconButton} from '../ui.js';

/** Leads through the versions of a message, if there is more than one. */
export function Versions({item, versions, running}) {
  const ids = versions.split(' ');
  if (ids.length < 2) {
    return null;
  }
  const at = ids.indexOf(item.id);
  const go = to => () => showVersion(siblings(current(), item)[to]);
  return h('span', {class: 'versions'},
      iconButton('left', t('previousVersion'), go(at - 1), {disabled: running || at === 0}),
      h('span', null, t('version', {i: at + 1, n: ids.length})),
      iconButton('right', t('nextVersion'), go(at + 1), {disabled: running || at === ids.length - 1}));
}
