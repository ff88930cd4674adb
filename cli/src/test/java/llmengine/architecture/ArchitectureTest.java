package llmengine.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The layers of docs/architecture.md: which module may know which, and a few house rules. */
class ArchitectureTest {
  private static final Map<String, List<String>> MAY_USE =
      Map.of(
          "launcher", List.of(),
          "engine", List.of(),
          "quant", List.of("engine"),
          "nn", List.of("quant", "engine"),
          "peft", List.of("nn", "quant", "engine"),
          "data", List.of(),
          "train", List.of("data", "nn", "peft", "quant", "engine"),
          "serve", List.of("train", "data", "nn", "peft", "quant", "engine"),
          "langchain4j", List.of("serve", "data", "nn"),
          "cli", List.of("serve", "train", "data", "nn", "peft", "quant", "engine", "launcher"));

  private static JavaClasses all;

  @BeforeAll
  static void readClasses() {
    all =
        new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("llmengine");
  }

  @Test
  void everyModuleHasItsRule() {
    TreeSet<String> modules = new TreeSet<>();
    all.forEach(type -> modules.add(type.getPackageName().split("\\.")[1]));
    modules.remove("architecture");
    assertThat(MAY_USE.keySet()).containsAll(modules);
  }

  @TestFactory
  Stream<DynamicTest> modulesUseOnlyWhatTheyMay() {
    return MAY_USE.entrySet().stream()
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.getKey() + " uses " + rule.getValue(),
                    () -> usesOnly(rule.getKey(), rule.getValue())));
  }

  @Test
  void namesSayWhatAThingIs() {
    noClasses()
        .should()
        .haveNameMatching(".*(Impl|Manager|Helper|Util|Utils)|.*\\.Abstract[A-Z]\\w*")
        .check(all);
  }

  @Test
  void errorsHaveATypeOfOurOwn() {
    noClasses()
        .should()
        .callConstructor(RuntimeException.class, String.class)
        .orShould()
        .callConstructor(RuntimeException.class, Throwable.class)
        .orShould()
        .callConstructor(RuntimeException.class, String.class, Throwable.class)
        .because("a bare RuntimeException tells the command line nothing")
        .allowEmptyShould(true)
        .check(all.that(not(assignableTo(RuntimeException.class))));
  }

  @Test
  void onlyTheProgramEndsTheProcess() {
    noClasses()
        .that()
        .resideOutsideOfPackages("llmengine.cli..", "llmengine.launcher..")
        .should()
        .callMethod(System.class, "exit", int.class)
        .allowEmptyShould(true)
        .check(all);
  }

  private static void usesOnly(String module, List<String> others) {
    String[] allowed =
        Stream.concat(Stream.of(module), others.stream())
            .map(name -> "llmengine." + name + "..")
            .toArray(String[]::new);
    classes()
        .that()
        .resideInAPackage("llmengine." + module + "..")
        .should()
        .onlyDependOnClassesThat(
            resideInAnyPackage(allowed).or(not(resideInAPackage("llmengine.."))))
        .allowEmptyShould(true)
        .check(all);
  }
}
