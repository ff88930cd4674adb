/**
 * The data of each event of a server-sent event stream (HTML standard, section 9.2), as it arrives. Comments and
 * fields other than "data" are passed over: the API uses none.
 */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  let data = [];
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) {
        return; // an event without its closing blank line is incomplete, and dropped as the standard says
      }
      buffer += value;
      // a CR at the very end may be half of a CRLF: it waits for what follows
      const lines = buffer.split(/\r\n|\n|\r(?!$)/);
      buffer = lines.pop();
      for (const line of lines) {
        if (line === '') {
          if (data.length > 0) {
            yield data.join('\n');
          }
          data = [];
        } else if (line.startsWith('data:')) {
          data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may be broken already, which is why we are here
  }
}
