import static llmengine.serve.local.LocalModel.user;

import llmengine.serve.local.LocalModel;

/**
 * Loads a model and chats with it in this process. In the repository's root, after the build:
 *
 * <pre>java -cp engine.jar --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     examples/ChatInProcess.java</pre>
 */
void main() {
  var settings = Map.of("template", "chatml");
  try (var model = LocalModel.open("examples/quickstart-model/model", settings)) {
    var question = List.of(user("Where do you live?"));
    var answer = model.ask(question).temperature(0).onText(System.out::print).answer();
    System.out.println("\n" + answer.tokens() + " tokens, " + answer.finish());
  }
}
