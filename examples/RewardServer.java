import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A reward server for stage ppo, the protocol in one file: it likes short answers.
 *
 * <pre>java examples/RewardServer.java [port]</pre>
 *
 * <p>POST {"model": "model", "messages": ["whole text", ...]} is answered by {"scores": [...]}.
 */
public final class RewardServer {
  /** A string of an array, where the one before it ended. */
  private static final Pattern STRING =
      Pattern.compile("\\G\\s*[\\[,]\\s*\"((?:[^\"\\\\]|\\\\.)*+)\"");

  private RewardServer() {}

  public static void main(String[] args) throws IOException {
    int port = args.length > 0 ? Integer.parseInt(args[0]) : 8089;
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
    server.createContext(
        "/",
        exchange -> {
          String body =
              new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
          List<String> scores = new ArrayList<>();
          Matcher text =
              STRING.matcher(body.substring(body.indexOf('[', body.indexOf("\"messages\""))));
          while (text.find()) {
            scores.add(Double.toString(score(text.group(1))));
          }
          byte[] answer =
              ("{\"scores\": [" + String.join(", ", scores) + "]}")
                  .getBytes(StandardCharsets.UTF_8);
          exchange.sendResponseHeaders(200, answer.length);
          exchange.getResponseBody().write(answer);
          exchange.close();
        });
    server.start();
    System.out.println("scores at http://127.0.0.1:" + port + "/");
  }

  /** 2 for one word, less by a fifth for each further one, and nothing for an empty answer. */
  private static double score(String conversation) {
    int at = conversation.lastIndexOf("assistant");
    String answer = conversation.substring(at < 0 ? 0 : at + 9).replace("\\n", " ");
    String[] words = answer.replaceAll("<\\|[^|]*\\|>", " ").strip().split("\\s+");
    return words[0].isEmpty() ? -2 : 2.2 - words.length / 5.0;
  }
}
