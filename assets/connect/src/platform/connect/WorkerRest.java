package platform.connect;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Objects;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** This worker's own REST interface, by the name that its certificate is for. Settings are the worker's. */
final class WorkerRest implements Restarts.Command {
    /** The probes' answers come from the same thread, and stay fresh for longer than that. */
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final String TLS = "listeners.https.ssl.";

    private final Map<String, ?> settings;

    WorkerRest(Map<String, ?> settings) {
        this.settings = settings;
    }

    /** How Kafka Connect calls this worker in the states of what it runs. */
    String worker() {
        return setting("rest.advertised.host.name") + ":" + setting("rest.advertised.port");
    }

    @Override
    public void restart(String connector, Integer task) throws IOException, InterruptedException {
        String path = "/connectors/" + URLEncoder.encode(connector, StandardCharsets.UTF_8).replace("+", "%20")
                + (task == null ? "/restart" : "/tasks/" + task + "/restart");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(scheme() + "://" + worker() + path))
                .timeout(TIMEOUT)
                .POST(HttpRequest.BodyPublishers.noBody());
        if (setting("auto.restart.credentials") != null) {
            request.header("Authorization", "Basic " + login());
        }
        HttpResponse<String> answer =
                client().send(request.build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
        if (answer.statusCode() >= 300) {
            throw new IOException("Kafka Connect answered " + answer.statusCode());
        }
    }

    private String scheme() {
        return Objects.requireNonNullElse(setting("rest.advertised.listener"), "http");
    }

    /** The first user of the file that the REST interface's logins are checked against. */
    private String login() throws IOException {
        String line = Files.readAllLines(Path.of(setting("auto.restart.credentials"))).get(0);
        return Base64.getEncoder().encodeToString(line.replaceFirst("=", ":").getBytes(StandardCharsets.UTF_8));
    }

    private HttpClient client() throws IOException {
        HttpClient.Builder client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(TIMEOUT);
        String location = setting(TLS + "truststore.location");
        if (location == null) {
            return client.build();
        }
        try (InputStream file = Files.newInputStream(Path.of(location))) {
            KeyStore store = KeyStore.getInstance(setting(TLS + "truststore.type"));
            store.load(file, setting(TLS + "truststore.password").toCharArray());
            TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trusted.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trusted.getTrustManagers(), null);
            return client.sslContext(context).build();
        } catch (GeneralSecurityException problem) {
            throw new IOException("the trust store can't be used", problem);
        }
    }

    private String setting(String name) {
        Object value = settings.get(name);
        return value == null ? null : value.toString();
    }
}
