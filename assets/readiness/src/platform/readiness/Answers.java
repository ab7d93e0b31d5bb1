package platform.readiness;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.Executors;

/** The HTTP side. Answers from memory; never waits for Kafka. */
final class Answers {
    private static final int THREADS = 2;
    private static final int BACKLOG = 16;

    private volatile Verdict verdict = new Verdict(Verdict.Phase.STARTING, List.of("nothing was evaluated yet"));

    private Answers() {}

    /** Listen on all addresses; call it from a daemon thread, since the server's dispatcher inherits that. */
    static Answers listen(int port) throws IOException {
        // Seconds for a request to arrive: a client that stalls must not hold a thread.
        System.setProperty("sun.net.httpserver.maxReqTime", "5");
        System.setProperty("sun.net.httpserver.nodelay", "true");
        Answers answers = new Answers();
        HttpServer server = HttpServer.create(new InetSocketAddress(port), BACKLOG);
        server.setExecutor(Executors.newFixedThreadPool(THREADS, task -> {
            Thread thread = new Thread(task, "readiness-http");
            thread.setDaemon(true);
            return thread;
        }));
        server.createContext("/", answers::answer);
        server.start();
        return answers;
    }

    void set(Verdict next) {
        verdict = next;
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean get = exchange.getRequestMethod().equals("GET");
            switch (get ? exchange.getRequestURI().getPath() : "") {
                case "/live" -> send(exchange, 200, "{\"live\":true}");
                case "/ready" -> {
                    Verdict now = verdict;
                    send(exchange, now.ready() ? 200 : 503, now.line());
                }
                default -> send(exchange, get ? 404 : 405, "{\"paths\":[\"/live\",\"/ready\"]}");
            }
        }
    }

    private static void send(HttpExchange exchange, int status, String line) throws IOException {
        byte[] body = (line + "\n").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
