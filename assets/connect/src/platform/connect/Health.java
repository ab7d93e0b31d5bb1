package platform.connect;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.health.ConnectClusterState;
import org.apache.kafka.connect.rest.ConnectRestExtension;
import org.apache.kafka.connect.rest.ConnectRestExtensionContext;

/**
 * A REST extension (KIP-285) with a port of its own: {@code /health} of the REST interface asks for a password, which a
 * probe doesn't have. It asks the worker's herder, whose one thread must answer: a worker that isn't in its group yet, or
 * whose thread hangs, doesn't. What it is answered tells, too, what has failed and is to be restarted.
 */
public final class Health implements ConnectRestExtension {
    private static final int PORT = 9404;
    private static final long ASK_MS = 2_000;
    private static final long FRESH_MS = 15_000;
    /** A worker that can't reach Kafka is not helped by a restart; one that hangs for so long is. */
    private static final long HANGING_MS = 600_000;

    private final ThreadFactory daemons = task -> {
        Thread thread = new Thread(task, "connect-health");
        thread.setDaemon(true);
        return thread;
    };
    private final ExecutorService threads = Executors.newFixedThreadPool(3, daemons);
    private final long started = now();
    private volatile Restarts restarts;
    private volatile HttpServer server;
    private volatile boolean answered;
    private volatile long lastAnswer = started;

    @Override
    public void configure(Map<String, ?> settings) {
        WorkerRest rest = new WorkerRest(settings);
        restarts = new Restarts(rest.worker(), rest);
    }

    @Override
    public void register(ConnectRestExtensionContext context) {
        threads.execute(() -> ask(context.clusterState()));
        try {
            System.setProperty("sun.net.httpserver.maxReqTime", "5");
            HttpServer created = HttpServer.create(new InetSocketAddress(PORT), 16);
            created.setExecutor(threads);
            created.createContext("/", this::answer);
            // The dispatcher's thread is a daemon because the one that starts it is.
            Thread starter = daemons.newThread(created::start);
            starter.start();
            server = created;
        } catch (IOException problem) {
            throw new ConnectException("port " + PORT + " can't be bound", problem);
        }
    }

    private void ask(ConnectClusterState state) {
        try {
            while (true) {
                try {
                    Collection<String> connectors = state.connectors();
                    lastAnswer = now();
                    answered = true;
                    restarts.look(state, connectors, lastAnswer);
                } catch (RuntimeException unavailable) {
                    // It starts, or rebalances, or hangs: the age of the last answer tells.
                }
                Thread.sleep(ASK_MS);
            }
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean get = exchange.getRequestMethod().equals("GET");
            long age = now() - lastAnswer;
            switch (get ? exchange.getRequestURI().getPath() : "") {
                case "/live" -> send(exchange, age < HANGING_MS, health(age < HANGING_MS, age));
                case "/ready" -> send(exchange, answered && age < FRESH_MS, health(answered && age < FRESH_MS, age));
                case "/restarts" -> send(exchange, true, restarts.json());
                default -> exchange.sendResponseHeaders(get ? 404 : 405, -1);
            }
        }
    }

    private String health(boolean well, long age) {
        return "{\"well\":" + well + ",\"answered\":" + answered + ",\"age_ms\":" + age + "}\n";
    }

    private static void send(HttpExchange exchange, boolean well, String line) throws IOException {
        byte[] body = line.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(well ? 200 : 503, body.length);
        exchange.getResponseBody().write(body);
    }

    private static long now() {
        return System.nanoTime() / 1_000_000;
    }

    @Override
    public void close() {
        threads.shutdownNow();
        HttpServer created = server;
        if (created != null) {
            created.stop(0);
        }
    }

    @Override
    public String version() {
        return "1";
    }
}
