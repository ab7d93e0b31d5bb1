package platform.converter;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Converts by another converter, and tells a schema registry that is away from a record that can't be read. While the
 * registry is away it waits; when that lasts longer than {@code patient.timeout.ms}, the task ends. A record is in the
 * dead letters only for a fault of its own.
 *
 * <p>Settings: {@code patient.converter}, the other converter's class, beside which this one lies in the same plugin;
 * {@code patient.timeout.ms}, less than the consumers' {@code max.poll.interval.ms}; all others are the other's.
 */
public final class PatientConverter implements Converter {
    private static final Logger LOG = LoggerFactory.getLogger(PatientConverter.class);
    private static final String CONVERTER = "patient.converter";
    private static final String TIMEOUT = "patient.timeout.ms";
    private static final long FIRST_PAUSE_MS = 200;
    private static final long LONGEST_PAUSE_MS = 5_000;

    private Converter converter;
    private long timeoutMs;

    @Override
    public void configure(Map<String, ?> settings, boolean isKey) {
        Object name = settings.get(CONVERTER);
        Object timeout = settings.get(TIMEOUT);
        if (name == null || timeout == null) {
            throw new ConfigException(CONVERTER + " and " + TIMEOUT + " are needed");
        }
        try {
            timeoutMs = Long.parseLong(timeout.toString());
            converter = Class.forName(name.toString(), true, PatientConverter.class.getClassLoader())
                    .asSubclass(Converter.class)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException | ClassCastException | NumberFormatException problem) {
            throw new ConfigException(name + " or its timeout of " + timeout + " can't be used: " + problem);
        }
        converter.configure(settings, isKey);
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        return patiently(() -> converter.toConnectData(topic, value));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, Headers headers, byte[] value) {
        return patiently(() -> converter.toConnectData(topic, headers, value));
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        return patiently(() -> converter.fromConnectData(topic, schema, value));
    }

    @Override
    public byte[] fromConnectData(String topic, Headers headers, Schema schema, Object value) {
        return patiently(() -> converter.fromConnectData(topic, headers, schema, value));
    }

    private <T> T patiently(Supplier<T> conversion) {
        long begin = System.nanoTime();
        long pause = FIRST_PAUSE_MS;
        while (true) {
            try {
                return conversion.get();
            } catch (RuntimeException failure) {
                if (!Blame.isRegistrys(failure)) {
                    throw failure;
                }
                long waited = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
                if (waited >= timeoutMs) {
                    throw away(timeoutMs / 1000 + " s", failure);
                }
                if (pause == FIRST_PAUSE_MS) {
                    LOG.warn("The schema registry can't be asked, for {} ms at most the task waits: {}", timeoutMs, failure);
                }
                sleep(Math.min(pause, timeoutMs - waited), failure);
                pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
            }
        }
    }

    private static void sleep(long milliseconds, RuntimeException failure) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            throw away("the time the task had", failure);
        }
    }

    private static RegistryUnavailable away(String time, RuntimeException failure) {
        return new RegistryUnavailable("the schema registry could not be asked for " + time, failure);
    }

    @Override
    public void close() throws IOException {
        if (converter != null) {
            converter.close();
        }
    }
}
