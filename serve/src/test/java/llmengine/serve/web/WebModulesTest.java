package llmengine.serve.web;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Laws of the page's modules, which need a browser only to run in. */
class WebModulesTest extends BrowserTest {
  @Test
  void bothLanguagesSayTheSameThings() {
    Object differences =
        browser.await(
            """
            const {LANGUAGES: {en, zh}} = await import('/js/language.js');
            const places = text => (text.match(/\\{\\w+\\}/g) ?? []).sort().join();
            return [...new Set([...Object.keys(en), ...Object.keys(zh)])]
                .filter(key => !en[key] || !zh[key] || places(en[key]) !== places(zh[key])).join();
            """);
    assertThat(differences).isEqualTo("");
  }

  @Test
  void everyTextThatTheCodeNamesExistsAndNoneIsLeftOver() {
    Object differences =
        browser.await(
            """
            const {LANGUAGES: {en}} = await import('/js/language.js');
            const names = performance.getEntriesByType('resource').map(e => e.name)
                .filter(n => n.includes('/js/') && !n.includes('/text/'));
            const code = (await Promise.all(names.map(async n => (await fetch(n)).text()))).join();
            const called = [...code.matchAll(/\\bt\\('(\\w+)'/g)].map(m => m[1]);
            const missing = called.filter(key => !(key in en));
            const unused = Object.keys(en).filter(key => !new RegExp(`['"]${key}['"]`).test(code));
            return [...missing, '|', ...unused].join();
            """);
    assertThat(differences).isEqualTo("|");
  }

  /** Events arrive whole however the bytes are cut, with any of the line ends of the standard. */
  @Test
  void eventsSurviveEveryCut() {
    Object wrong =
        browser.await(
            """
            const {events} = await import('/js/sse.js');
            const texts = ['data: {"a":"é中\\u{1F30A}"}\\n\\n: note\\n\\ndata:two\\ndata: lines\\n\\nid: 1\\n\\ndata: [DONE]\\n\\n'];
            texts.push(texts[0].replaceAll('\\n', '\\r\\n'), texts[0].replaceAll('\\n', '\\r') + '\\n');
            const wanted = JSON.stringify(['{"a":"é中\\u{1F30A}"}', 'two\\nlines', '[DONE]']);
            const wrong = [];
            for (const text of texts) {
              const bytes = new TextEncoder().encode(text);
              for (let cut = 0; cut <= bytes.length; cut++) {
                const parts = cut ? [bytes.slice(0, cut), bytes.slice(cut)] : Array.from(bytes, b => Uint8Array.of(b));
                const got = [];
                for await (const event of events(new ReadableStream({start(c) { parts.forEach(p => c.enqueue(p)); c.close(); }}))) {
                  got.push(event);
                }
                if (JSON.stringify(got) !== wanted) wrong.push(cut + JSON.stringify(got));
              }
            }
            return wrong.slice(0, 3).join();
            """);
    assertThat(wrong).isEqualTo("");
  }

  @Test
  void treeOfMessagesKeepsEveryVersion() {
    Object result =
        browser.await(
            """
            const c = await import('/js/conversation.js');
            let talk = c.create('', 'm');
            const q = c.node(null, 'user', '  A\\n question ');
            const a1 = c.node(q.id, 'assistant', '1'), a2 = c.node(q.id, 'assistant', '2');
            const q2 = c.node(a1.id, 'user', 'next');
            for (const item of [q, a1, q2, a2]) talk = c.put(talk, item);
            const shown = t => c.path(t).map(item => item.content.trim()).join('>');
            const back = c.show(talk, a1);
            const reloaded = c.afterReload(c.put(talk, {...a2, status: 'running'}));
            return [talk.title, shown(talk), shown(back), c.siblings(talk, a2).length,
                reloaded.nodes[a2.id].status].join(' | ');
            """);
    assertThat(result).isEqualTo("A question | A\n question>2 | A\n question>1>next | 2 | lost");
  }
}
