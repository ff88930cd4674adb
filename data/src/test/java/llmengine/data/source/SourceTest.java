package llmengine.data.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import llmengine.data.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourceTest {
  @TempDir Path folder;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static List<String> rows(Path path) {
    try (RowSource source = SourceFiles.open(path)) {
      var rows = new ArrayList<String>();
      for (int i = source.size() - 1; i >= 0; i--) {
        rows.addFirst(source.row(i).toString());
      }
      return rows;
    }
  }

  @Test
  void jsonArrayRowsAreFoundByOffset() throws IOException {
    Path plain = file("a.json", " [ {\"a\":\"é你🙂\"} ,\n{\"b\":[1,{\"c\":null}]},{}\n]\n");
    assertThat(rows(plain)).containsExactly("{\"a\":\"é你🙂\"}", "{\"b\":[1,{\"c\":null}]}", "{}");
    Path marked = file("b.json", "\uFEFF[{\"a\":1},{\"a\":2}]");
    assertThat(rows(marked)).containsExactly("{\"a\":1}", "{\"a\":2}");
    assertThat(rows(file("c.json", "[]"))).isEmpty();
    try (RowSource source = SourceFiles.open(plain)) {
      assertThat(source.columns()).containsExactlyInAnyOrder("a", "b");
      assertThat(source.where(1)).isEqualTo(plain + ":2");
    }
  }

  @Test
  void rowsLongerThanAnyBufferAreWhole() throws IOException {
    String longText = "xé".repeat(300_000);
    var text = new StringBuilder("[");
    for (int i = 0; i < 3; i++) {
      text.append(i == 0 ? "" : ",").append("{\"t\":\"").append(longText).append(i).append("\"}");
    }
    List<String> rows = rows(file("long.json", text.append("]").toString()));
    assertThat(rows.get(2)).isEqualTo("{\"t\":\"" + longText + "2\"}");
  }

  @Test
  void linesOfJsonMayBeBlankAndMayHideInAJsonFile() throws IOException {
    String text = "{\"a\":1}\r\n\n  \n{\"a\":2}";
    assertThat(rows(file("a.jsonl", text))).containsExactly("{\"a\":1}", "{\"a\":2}");
    assertThat(rows(file("b.json", text))).containsExactly("{\"a\":1}", "{\"a\":2}");
    assertThat(rows(file("empty.jsonl", "\n"))).isEmpty();
  }

  @Test
  void everyTextLineIsARow() throws IOException {
    assertThat(rows(file("a.txt", "one\r\n\ntwo")))
        .containsExactly("{\"text\":\"one\"}", "{\"text\":\"\"}", "{\"text\":\"two\"}");
  }

  @Test
  void quotedCsvFieldsHoldCommasQuotesAndLineEnds() throws IOException {
    Path csv = file("a.csv", "q,a\r\n\"x, \"\"y\"\"\nz\",1\n\n,2\n");
    assertThat(rows(csv))
        .containsExactly("{\"q\":\"x, \\\"y\\\"\\nz\",\"a\":\"1\"}", "{\"q\":null,\"a\":\"2\"}");
    assertThatThrownBy(() -> rows(file("b.csv", "q,a\n1,2\n1\n")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("b.csv:3: malformed row: expected 2 fields, got 1");
    assertThatThrownBy(() -> rows(file("c.csv", "q,a\n1,\"2\n")))
        .hasMessageContaining("c.csv:2: a quoted field is not closed");
    assertThatThrownBy(() -> rows(file("d.csv", ""))).hasMessageContaining("header line");
  }

  @Test
  void malformedJsonIsReportedWithFileAndLine() throws IOException {
    assertThatThrownBy(() -> rows(file("a.json", "[{\"a\":1},\n{\"a\":2},\n{\"a\" 3}]")))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("a.json:3: malformed JSON");
    assertThatThrownBy(() -> rows(file("cut.json", "[{\"a\":1},\n{\"a\":")))
        .hasMessageContaining("cut.json:2: malformed JSON");
    assertThatThrownBy(() -> rows(file("b.jsonl", "{\"a\":1}\n\n{\"a\":\n{\"a\":2}\n")))
        .hasMessageContaining("b.jsonl:3: malformed JSON");
    assertThatThrownBy(() -> rows(file("c.jsonl", "{\"a\":1}\n{\"a\":1} {\"a\":2}\n")))
        .hasMessageContaining("c.jsonl:2: expected one JSON object per line, got more");
    assertThatThrownBy(() -> rows(file("d.json", "[1]")))
        .hasMessageContaining("d.json:1: expected an object as row");
    assertThatThrownBy(() -> rows(file("e.json", ""))).hasMessageContaining("empty file");
    assertThatThrownBy(() -> rows(file("f.parquet", "PAR1")))
        .hasMessageContaining("parquet is not supported yet");
  }

  @Test
  void aFolderIsItsFilesInTheOrderOfNames() throws IOException {
    Files.createDirectory(folder.resolve("d"));
    file("d/2.jsonl", "{\"a\":2}\n");
    file("d/1.jsonl", "{\"a\":1}\n{\"b\":1}\n");
    try (RowSource source = SourceFiles.open(folder.resolve("d"))) {
      assertThat(source.size()).isEqualTo(3);
      assertThat(source.row(2).toString()).isEqualTo("{\"a\":2}");
      assertThat(source.where(2)).endsWith("2.jsonl:1");
      assertThat(source.columns()).containsExactlyInAnyOrder("a", "b");
    }
    file("d/3.csv", "a\n1\n");
    assertThatThrownBy(() -> SourceFiles.open(folder.resolve("d")))
        .hasMessageContaining("files of one type, got jsonl, csv");
  }

  @Test
  void anObjectOfColumnsOrTagsResetsTheDefaults() throws IOException {
    file("x.json", "[]");
    file(
        "dataset_info.json",
        """
        {"plain": {"file_name": "x.json"},
         "given": {"file_name": "x.json", "formatting": "sharegpt", "ranking": true,
           "num_samples": 5, "columns": {"messages": "chat"}, "tags": {"role_tag": "role"}}}
        """);
    DatasetCatalog catalog = DatasetCatalog.open(folder);
    assertThat(catalog.find("plain").columns()).isEqualTo(Columns.DEFAULT);
    assertThat(catalog.find("plain").tags()).isEqualTo(Tags.DEFAULT);
    DatasetSpec given = catalog.find("given");
    assertThat(given.columns())
        .isEqualTo(
            new Columns(
                null, null, null, null, "chat", null, null, null, null, null, null, null, null));
    assertThat(given.tags()).isEqualTo(new Tags("role", null, null, null, null, null, null));
    assertThat(given.ranking()).isTrue();
    assertThat(given.numSamples()).isEqualTo(5);
  }

  @Test
  void unknownNamesGetTheNearestOnes() throws IOException {
    file("x.json", "[]");
    file("dataset_info.json", "{\"alpaca_en\": {\"file_name\": \"x.json\"}, \"c4\": {}}");
    DatasetCatalog catalog = DatasetCatalog.open(folder);
    assertThatThrownBy(() -> catalog.find("alpaca_eng"))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("Nearest names: alpaca_en");
    assertThatThrownBy(() -> catalog.find("c4")).hasMessageContaining("expected file_name");
    assertThat(catalog.find("x.json").path()).isEqualTo(folder.resolve("x.json"));
    assertThat(catalog.find(folder.resolve("x.json").toString()).name()).endsWith("x.json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name"})
  void remoteSourcesAreRefusedByName(String key) throws IOException {
    file("dataset_info.json", "{\"d\": {\"" + key + "\": \"a/b\"}}");
    assertThatThrownBy(() -> DatasetCatalog.open(folder).find("d"))
        .hasMessageContaining(key + " is not supported yet")
        .hasMessageContaining("put a local file");
  }

  @Test
  void mistakesInDatasetInfoAreNamed() throws IOException {
    file("dataset_info.json", "{\"d\": {\n\"file_name\" \"x\"}}");
    assertThatThrownBy(() -> DatasetCatalog.open(folder))
        .hasMessageContaining("dataset_info.json:2: malformed JSON");
    file("dataset_info.json", "{\"d\": {\"file_name\": \"x.json\", \"colums\": {}}}");
    assertThatThrownBy(() -> DatasetCatalog.open(folder).find("d"))
        .hasMessageContaining("Did you mean columns?");
    file("dataset_info.json", "{\"d\": {\"file_name\": \"none.json\"}}");
    assertThatThrownBy(() -> DatasetCatalog.open(folder).find("d"))
        .hasMessageContaining("expected an existing file or folder");
  }
}
