import {proceed, regenerate} from '../chat.js';
import {number, t} from '../language.js';
import {blocks, toHtml} from '../markdown.js';
import {Pure, copyText, h, icon, iconButton} from '../ui.js';
import {ToolCalls} from './tools.js';
import {Versions} from './versions.js';

/** What the model said, growing while it runs. */
export class Answer extends Pure {
  state = {copied: false};

  render({item, last, running, versions, language}, {copied}) {
    const grows = item.status === 'running';
    const waits = grows && !item.content && !item.reasoning && !item.toolCalls;
    return h('li', {class: grows ? 'answer grows' : 'answer', 'aria-busy': grows ? 'true' : undefined},
        h('h2', {class: 'off-screen'}, item.model ?? t('model')),
        item.reasoning && h(Thoughts, {text: item.reasoning, open: grows && !item.content, language}),
        waits && h('p', {class: 'waits'}, t('waiting')),
        item.content && h(Prose, {text: item.content, settled: !grows, language}),
        item.toolCalls && h(ToolCalls, {item, open: last && !running}),
        !grows && h(Ending, {item, last, running}),
        !grows && h('div', {class: last ? 'actions last' : 'actions'},
            h(Versions, {item, versions, running}),
            iconButton(copied ? 'check' : 'copy', t(copied ? 'copied' : 'copyAnswer'), () => this.copy(item.content)),
            iconButton('retry', t('regenerate'), () => regenerate(item), {disabled: running}),
            h(Stats, {item})));
  }

  async copy(text) {
    await copyText(text);
    this.setState({copied: true});
    setTimeout(() => this.setState({copied: false}), 1500);
  }
}

/** Markdown, block by block, so that only the last one is made anew while the text grows. */
export class Prose extends Pure {
  render({text, settled, language}) {
    return h('div', {class: 'prose'}, blocks(text).map((token, i) => h(Block, {key: i, token, settled, language})));
  }
}

class Block extends Pure {
  shouldComponentUpdate(next) {
    // settled: a link's address may have come in a later block
    return next.token.raw !== this.props.token.raw || next.settled !== this.props.settled
        || next.language !== this.props.language;
  }

  render({token}) {
    return h('div', {dir: 'auto', dangerouslySetInnerHTML: {__html: toHtml(token)}});
  }
}

/** Reasoning: open while it is all there is, folded when the answer begins; as the user likes from then on. */
class Thoughts extends Pure {
  state = {chosen: null};

  render({text, open, language}, {chosen}) {
    const isOpen = chosen ?? open;
    return h('details', {class: 'fold', open: isOpen},
        h('summary', {
          onClick: event => {
            event.preventDefault();
            this.setState({chosen: !isOpen});
          },
        }, icon('right'), t(open ? 'thinking' : 'thought')),
        isOpen && h(Prose, {text, settled: !open, language}));
  }
}

/** Why an answer ended, if not by itself, and what can be done about it. */
function Ending({item, last, running}) {
  const text = {
    stopped: () => t('stopped'),
    length: () => t('lengthReached'),
    lost: () => t('lost'),
    failed: () => t('failed', {problem: item.problem}),
    done: () => (item.content || item.toolCalls ? null : t('emptyAnswer')),
  }[item.status]?.();
  if (!text) {
    return null;
  }
  const problem = item.status === 'lost' || item.status === 'failed';
  return h('div', {class: problem ? 'ending problem' : 'ending', role: problem ? 'alert' : undefined},
      problem && icon('warning'),
      h('span', null, text),
      last && h('span', {class: 'ending-buttons'},
          item.content && h('button', {
            type: 'button', class: 'text-button proceed', disabled: running, onClick: () => proceed(item),
          }, icon('play'), t('proceed')),
          h('button', {
            type: 'button', class: 'text-button again', disabled: running, onClick: () => regenerate(item),
          }, icon('retry'), t('regenerate'))));
}

function Stats({item}) {
  const tokens = item.usage?.completion_tokens;
  if (!(tokens > 1 && item.seconds > 0)) {
    return null;
  }
  const rate = (tokens - 1) / item.seconds; // the first token's time is the prompt's
  return h('span', {class: 'stats'}, t('stats', {
    tokens: number(tokens), rate: number(rate, 1), first: number(item.firstSeconds, 1),
  }));
}
