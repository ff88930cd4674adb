import {path} from '../conversation.js';
import {t} from '../language.js';
import {copyText, Component, createRef, h, icon} from '../ui.js';
import {Answer} from './answer.js';
import {Question} from './question.js';
import {ToolResult} from './tools.js';

/** Pixels from the end at which the view still follows a growing answer. */
const NEAR = 80;

/** The messages of a conversation. Follows its end, unless the reader has scrolled away from it. */
export class Thread extends Component {
  state = {follows: true};
  box = createRef();

  componentDidMount() {
    this.toEnd();
    // the keyboard of a phone opens, a window grows: the end stays in view
    new ResizeObserver(() => this.state.follows && this.toEnd()).observe(this.box.current);
  }

  componentDidUpdate(before) {
    const {conversation, run} = this.props;
    const isNew = conversation?.id !== before.conversation?.id || (run && run !== before.run);
    if (isNew) {
      this.setState({follows: true});
    }
    if (isNew || this.state.follows) {
      this.toEnd();
    }
  }

  toEnd() {
    const box = this.box.current;
    box.scrollTop = box.scrollHeight;
  }

  onScroll = () => {
    const {scrollTop, scrollHeight, clientHeight} = this.box.current;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR;
    if (follows !== this.state.follows) {
      this.setState({follows});
    }
  };

  render({conversation, run, editing, language}, {follows}) {
    const items = conversation ? path(conversation) : [];
    const byParent = Map.groupBy(Object.values(conversation?.nodes ?? {}), item => item.parent);
    return h('div', {class: 'thread-frame'},
        h('section', {
          id: 'messages', class: 'thread', tabIndex: -1, 'aria-label': t('messages'), ref: this.box,
          onScroll: this.onScroll, onClick: copyCode,
        }, items.length === 0 ? h(Welcome) : h('ol', {class: 'messages'}, items.map((item, i) => h(VIEWS[item.role], {
          key: item.id,
          item,
          language,
          last: i === items.length - 1,
          running: Boolean(run),
          editing: editing === item.id,
          versions: byParent.get(item.parent).map(other => other.id).join(' '), // text: compared by value
        })))),
        !follows && h('button', {
          type: 'button', class: 'to-end', 'aria-label': t('toLatest'), title: t('toLatest'),
          onClick: () => {
            this.setState({follows: true});
            this.toEnd();
          },
        }, icon('down')));
  }
}

const VIEWS = {user: Question, assistant: Answer, tool: ToolResult};

function Welcome() {
  return h('div', {class: 'welcome'}, h('h1', null, t('welcome')), h('p', null, t('welcomeNote')));
}

/** Code blocks are plain HTML, so their buttons are served here. */
async function copyCode({target}) {
  if (!target.matches?.('.code .copy')) {
    return;
  }
  await copyText(target.closest('.code').querySelector('code').textContent);
  const before = target.textContent;
  target.textContent = t('copied');
  setTimeout(() => {
    target.textContent = before;
  }, 1500);
}
