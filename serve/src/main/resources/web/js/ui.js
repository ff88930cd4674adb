// What views are made of. There is no JSX: a build step would be needed for it.
import {Component, h} from '../lib/preact.js';

export {Component, Fragment, createRef, h, render} from '../lib/preact.js';

/** A component that is drawn again only if one of its properties is another object than before. */
export class Pure extends Component {
  shouldComponentUpdate(next, nextState) {
    return differs(this.props, next) || differs(this.state ?? {}, nextState ?? {});
  }
}

function differs(a, b) {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  keys.delete('children');
  for (const key of keys) {
    if (a[key] !== b[key]) {
      return true;
    }
  }
  return false;
}

/** Paths of our own on a 24 x 24 grid, drawn as strokes in the colour of the text. */
const ICONS = {
  plus: 'M12 5v14M5 12h14',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16.2 16.2 20 20',
  menu: 'M4 7h16M4 12h16M4 17h10',
  up: 'M12 19V5M6 11l6-6 6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  stop: 'M7.5 7.5h9v9h-9z',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  retry: 'M19.5 12a7.5 7.5 0 1 1-2.4-5.5M19.5 4v4.2h-4.2',
  pencil: 'M4 20l1-4.5L16.2 4.3a1.8 1.8 0 0 1 2.5 0l1 1a1.8 1.8 0 0 1 0 2.5L8.5 19z',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.3 11v5.5M13.7 11v5.5',
  sliders: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4',
  left: 'M14.5 6l-6 6 6 6',
  right: 'M9.5 6l6 6-6 6',
  chevron: 'M7 10l5 5 5-5',
  close: 'M6 6l12 12M18 6 6 18',
  warning: 'M12 4 2.8 20h18.4zM12 10v4.5M12 17.3v.2',
  save: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  open: 'M12 15.5V4.5M7.5 9 12 4.5 16.5 9M5 20h14',
  play: 'M8 5.5v13l10.5-6.5z',
  tool: 'M9 4c-2 0-3 1-3 3v2.5C6 11 5 12 4 12c1 0 2 1 2 2.5V17c0 2 1 3 3 3M15 4c2 0 3 1 3 3v2.5c0 1.5 1 2.5 2 2.5-1 0-2 1-2 2.5V17c0 2-1 3-3 3',
};

export function icon(name) {
  return h('svg', {class: 'icon', viewBox: '0 0 24 24', 'aria-hidden': 'true'}, h('path', {d: ICONS[name]}));
}

/** A button that shows an icon alone; its name is for screen readers and for the pointer. */
export function iconButton(name, label, onClick, more = {}) {
  return h('button', {type: 'button', class: 'icon-button', title: label, 'aria-label': label, onClick, ...more},
      icon(name));
}

/** Puts text on the clipboard; the clipboard API is missing where a page came by plain HTTP from another machine. */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'off-screen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** Hands the user a file. */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], {type: 'application/json'}));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
