package llmengine.train.callback.tracker;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Writes an event file that TensorBoard shows: TFRecords of Event messages with scalar summaries
 * (tensorflow/core/util/event.proto), by hand since it is three messages. Every line is on disk
 * when {@link #scalars} returns.
 */
public final class TensorBoard implements Tracker {
  private static final int MASK = 0xa282ead8;

  private final OutputStream file;

  /** Starts {@code events.out.tfevents.<seconds>.<host>.<process>.0} in a folder. */
  public TensorBoard(Path folder) throws IOException {
    Files.createDirectories(folder);
    String name =
        "events.out.tfevents.%010d.%s.%d.0"
            .formatted(System.currentTimeMillis() / 1000, host(), ProcessHandle.current().pid());
    file =
        Files.newOutputStream(
            folder.resolve(name), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    Message version = new Message().doubleField(1, now()).bytes(3, utf8("brain.Event:2"));
    record(version);
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException nameless) {
      return "localhost";
    }
  }

  @Override
  public String name() {
    return "tensorboard";
  }

  @Override
  public void start(Map<String, String> settings) throws IOException {
    StringBuilder table = new StringBuilder("| key | value |\n|---|---|\n");
    settings.forEach((key, value) -> table.append("| " + key + " | " + value + " |\n"));
    // Summary.Value { tag, metadata { plugin_data { plugin_name: "text" } }, tensor of one string }
    Message plugin = new Message().bytes(1, utf8("text"));
    Message metadata = new Message().bytes(1, plugin.toBytes());
    Message shape = new Message().bytes(2, new Message().varint(1, 1).toBytes());
    Message tensor =
        new Message().varint(1, 7).bytes(2, shape.toBytes()).bytes(8, utf8(table.toString()));
    Message value =
        new Message()
            .bytes(1, utf8("args/text_summary"))
            .bytes(9, metadata.toBytes())
            .bytes(8, tensor.toBytes());
    event(0, new Message().bytes(1, value.toBytes()));
  }

  @Override
  public void scalars(long step, Map<String, Double> values) throws IOException {
    Message summary = new Message();
    values.forEach(
        (name, number) -> {
          Message value =
              new Message().bytes(1, utf8(tag(name))).floatField(2, number.floatValue());
          summary.bytes(1, value.toBytes());
        });
    event(step, summary);
  }

  /** As the Hugging Face Trainer sorts them: eval_loss is eval/loss, loss is train/loss. */
  static String tag(String name) {
    for (String group : new String[] {"eval", "test"}) {
      if (name.startsWith(group + "_")) {
        return group + "/" + name.substring(group.length() + 1);
      }
    }
    return "train/" + name;
  }

  private void event(long step, Message summary) throws IOException {
    record(new Message().doubleField(1, now()).varint(2, step).bytes(5, summary.toBytes()));
  }

  /** Length, its checksum, the bytes, their checksum. */
  private void record(Message message) throws IOException {
    byte[] body = message.toBytes();
    ByteBuffer out = ByteBuffer.allocate(16 + body.length).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(body.length);
    out.putInt(checksum(out.array(), 0, 8));
    out.put(body);
    out.putInt(checksum(body, 0, body.length));
    file.write(out.array());
    file.flush();
  }

  private static int checksum(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    int value = (int) crc.getValue();
    return (value >>> 15 | value << 17) + MASK;
  }

  private static double now() {
    return System.currentTimeMillis() / 1e3;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public void end(boolean finished) throws IOException {
    file.close();
  }

  /** A protocol buffer message under construction. */
  private static final class Message {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    Message varint(int field, long value) {
      number((long) field << 3);
      number(value);
      return this;
    }

    Message doubleField(int field, double value) {
      number((long) field << 3 | 1);
      out.writeBytes(
          ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putDouble(value).array());
      return this;
    }

    Message floatField(int field, float value) {
      number((long) field << 3 | 5);
      out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(value).array());
      return this;
    }

    Message bytes(int field, byte[] value) {
      number((long) field << 3 | 2);
      number(value.length);
      out.writeBytes(value);
      return this;
    }

    private void number(long value) {
      long rest = value;
      while ((rest & ~0x7FL) != 0) {
        out.write((int) (rest & 0x7F | 0x80));
        rest >>>= 7;
      }
      out.write((int) rest);
    }

    byte[] toBytes() {
      return out.toByteArray();
    }
  }
}
