import {send, stop} from '../chat.js';
import {editLast} from '../keys.js';
import {t} from '../language.js';
import {Component, createRef, h, icon} from '../ui.js';

/** Where messages are written. Its text lives in the field alone. */
export class Composer extends Component {
  field = createRef();

  componentDidMount() {
    this.field.current.focus();
  }

  submit = event => {
    event?.preventDefault();
    const field = this.field.current;
    if (send(field.value)) {
      field.value = '';
      fitHeight(field);
    }
  };

  onKeyDown = event => {
    if (isSendKey(event)) {
      event.preventDefault();
      this.submit();
    } else if (event.key === 'ArrowUp' && event.target.value === '') {
      event.preventDefault();
      editLast();
    }
  };

  render({running, ready}) {
    return h('form', {class: 'composer', onSubmit: this.submit},
        h('div', {class: 'composer-box'},
            h('textarea', {
              id: 'composer', ref: this.field, rows: 1, placeholder: t('messageHint'), 'aria-label': t('message'),
              onInput: event => fitHeight(event.target), onKeyDown: this.onKeyDown,
            }),
            running
                ? h('button', {
                  type: 'button', key: 'stop', id: 'stop', class: 'round', title: t('stop'), 'aria-label': t('stop'),
                  onClick: stop,
                }, icon('stop'))
                : h('button', {
                  type: 'submit', key: 'send', id: 'send', class: 'round', title: t('send'), 'aria-label': t('send'),
                  disabled: !ready,
                }, icon('up'))));
  }
}

/** Enter without Shift, but not the one that ends the writing of a Chinese word (229: Safari says it so). */
export function isSendKey(event) {
  return event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
}

/** Makes a text field as high as its text; the style sheet sets the most. */
export function fitHeight(field) {
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight}px`;
}
