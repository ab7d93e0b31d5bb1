package testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** Appends to {@code line.file}, and fails while the file {@code line.file}{@code .away} is there. */
public final class LineTask extends SinkTask {
    private Path file;

    @Override
    public void start(Map<String, String> settings) {
        file = Path.of(settings.get("line.file"));
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        if (Files.exists(Path.of(file + ".away"))) {
            throw new ConnectException("the store is away");
        }
        try {
            for (SinkRecord record : records) {
                Files.writeString(file, record.value() + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            }
        } catch (IOException problem) {
            throw new ConnectException(problem);
        }
    }

    @Override
    public void stop() {
        // It holds nothing.
    }

    @Override
    public String version() {
        return "1";
    }
}
