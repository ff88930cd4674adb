import {edit} from '../chat.js';
import {t} from '../language.js';
import {update} from '../state.js';
import {Pure, copyText, createRef, h, iconButton} from '../ui.js';
import {Versions} from './versions.js';
import {fitHeight, isSendKey} from './composer.js';

/** What the user said. */
export class Question extends Pure {
  field = createRef();

  componentDidUpdate(before) {
    if (this.props.editing && !before.editing) {
      const field = this.field.current;
      fitHeight(field);
      field.focus();
      field.setSelectionRange(field.value.length, field.value.length);
    }
  }

  render({item, editing, running, versions}) {
    return h('li', {class: 'question'},
        h('h2', {class: 'off-screen'}, t('you')),
        editing ? this.editor(item) : h('div', {class: 'bubble'}, item.content),
        !editing && h('div', {class: 'actions'},
            h(Versions, {item, versions, running}),
            iconButton('copy', t('copyMessage'), () => copyText(item.content)),
            iconButton('pencil', t('edit'), () => update({editing: item.id}), {disabled: running})));
  }

  editor(item) {
    const save = () => edit(item, this.field.current.value);
    return h('form', {
      class: 'editor',
      onSubmit: event => {
        event.preventDefault();
        save();
      },
    },
    h('textarea', {
      ref: this.field, 'aria-label': t('editMessage'), defaultValue: item.content, rows: 1,
      onInput: event => fitHeight(event.target),
      onKeyDown: event => {
        if (isSendKey(event)) {
          event.preventDefault();
          save();
        }
      },
    }),
    h('div', {class: 'editor-buttons'},
        h('button', {type: 'button', class: 'text-button', onClick: () => update({editing: null})}, t('cancel')),
        h('button', {type: 'submit', class: 'primary'}, t('sendEdited'))));
  }
}
