package llmengine.train.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Heads a record of keys: its title in the documentation and the commands that take them. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@interface Section {

  /** Heading in {@code docs/config.md}. */
  String value();

  /** True if only {@code train} takes these keys: elsewhere they are an error, as upstream. */
  boolean trainingOnly() default false;
}
