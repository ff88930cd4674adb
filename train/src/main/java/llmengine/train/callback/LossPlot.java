package llmengine.train.callback;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import llmengine.train.TrainException;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.markers.SeriesMarkers;

/**
 * {@code training_loss.png} and its like: a metric of the log over the steps, with a smoothed
 * curve.
 */
public final class LossPlot {
  private LossPlot() {}

  /** Draws {@code training_KEY.png} for each key that the log holds; returns the files written. */
  public static List<Path> draw(Path folder, List<Map<String, Object>> log, List<String> keys) {
    List<Path> files = new ArrayList<>();
    for (String key : keys) {
      List<Double> steps = new ArrayList<>();
      List<Double> values = new ArrayList<>();
      for (Map<String, Object> line : log) {
        if (line.get(key) instanceof Number value && line.get("step") instanceof Number step) {
          steps.add(step.doubleValue());
          values.add(value.doubleValue());
        }
      }
      if (!values.isEmpty()) {
        Path file = folder.resolve("training_" + key.replace('/', '_') + ".png");
        draw(file, key, steps, values);
        files.add(file);
      }
    }
    return files;
  }

  private static void draw(Path file, String key, List<Double> steps, List<Double> values) {
    XYChart chart =
        new XYChartBuilder()
            .width(800)
            .height(500)
            .title("training " + key)
            .xAxisTitle("step")
            .yAxisTitle(key)
            .build();
    chart.getStyler().setDefaultSeriesRenderStyle(XYSeries.XYSeriesRenderStyle.Line);
    chart.addSeries("original", steps, values).setMarker(SeriesMarkers.NONE);
    chart.addSeries("smoothed", steps, smoothed(values)).setMarker(SeriesMarkers.NONE);
    try {
      BitmapEncoder.saveBitmap(chart, file.toString(), BitmapEncoder.BitmapFormat.PNG);
    } catch (IOException e) {
      throw new TrainException(file + ": can't be written: " + e.getMessage(), e);
    }
  }

  /** Exponential moving average whose memory grows with the number of points, from none to 0.9. */
  static List<Double> smoothed(List<Double> values) {
    double weight = 1.8 * (1 / (1 + Math.exp(-0.05 * values.size())) - 0.5);
    List<Double> out = new ArrayList<>();
    double last = values.getFirst();
    for (double v : values) {
      last = last * weight + (1 - weight) * v;
      out.add(last);
    }
    return out;
  }
}
