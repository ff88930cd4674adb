/**
 * Conversations in this browser's IndexedDB. Heads (what the list shows) lie apart from bodies, so that the list
 * opens fast however much was said.
 */
const NAME = 'llm-engine';
const VERSION = 1;

let opened;

/** Other tabs tell of changes here, and hear of ours. */
const channel = new BroadcastChannel(NAME);

export function onOtherTab(listener) {
  channel.onmessage = event => listener(event.data);
}

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('heads', {keyPath: 'id'});
      request.result.createObjectStore('bodies', {keyPath: 'id'});
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function inTransaction(mode, work) {
  const db = await database();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(['heads', 'bodies'], mode);
    let result;
    transaction.oncomplete = () => resolve(result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
    work(transaction.objectStore('heads'), transaction.objectStore('bodies'), value => {
      result = value;
    });
  });
}

function head({id, title, created, updated}) {
  return {id, title, created, updated};
}

/** Heads of all conversations, the one used last first. */
export async function list() {
  const all = await inTransaction('readonly', (heads, bodies, give) => {
    heads.getAll().onsuccess = event => give(event.target.result);
  });
  return all.sort((a, b) => b.updated - a.updated);
}

/** A conversation, or undefined. */
export function load(id) {
  return inTransaction('readonly', (heads, bodies, give) => {
    bodies.get(id).onsuccess = event => give(event.target.result);
  });
}

export async function save(...conversations) {
  await inTransaction('readwrite', (heads, bodies) => {
    for (const conversation of conversations) {
      heads.put(head(conversation));
      bodies.put(conversation);
    }
  });
  channel.postMessage({changed: conversations.map(c => c.id)});
}

export async function remove(id) {
  await inTransaction('readwrite', (heads, bodies) => {
    heads.delete(id);
    bodies.delete(id);
  });
  channel.postMessage({removed: id});
}

export function all() {
  return inTransaction('readonly', (heads, bodies, give) => {
    bodies.getAll().onsuccess = event => give(event.target.result);
  });
}

/** Ids of the conversations in which a text occurs, titles included, whatever the case. One is in memory at a time. */
export function search(text) {
  const wanted = text.toLowerCase();
  return inTransaction('readonly', (heads, bodies, give) => {
    const found = new Set();
    give(found);
    bodies.openCursor().onsuccess = event => {
      const cursor = event.target.result;
      if (cursor) {
        const {id, title, nodes} = cursor.value;
        const texts = [title, ...Object.values(nodes).map(item => item.content)];
        if (texts.some(t => t.toLowerCase().includes(wanted))) {
          found.add(id);
        }
        cursor.continue();
      }
    };
  });
}
