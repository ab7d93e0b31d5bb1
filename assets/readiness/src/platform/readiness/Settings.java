package platform.readiness;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The agent's properties file. README.md documents the keys. */
record Settings(
        int nodeId,
        boolean isBroker,
        boolean isController,
        List<String> voterHosts,
        int port,
        Duration checkInterval,
        Duration recheck,
        Duration unreadyAfter,
        Duration leaderlessGrace,
        Duration maxLag,
        Map<String, Object> admin) {

    private static final int PORT = 9404;
    private static final String ADMIN = "admin.";
    private static final Set<String> ROLES = Set.of("broker", "controller");
    private static final Set<String> KEYS = Set.of(
            "node.id", "process.roles", "controller.quorum.voters", "port", "check.interval.ms", "isr.recheck.ms",
            "unready.after.ms", "leaderless.grace.ms", "controller.max.lag.ms");
    private static final Pattern VARIABLE = Pattern.compile("%\\{(\\w+)}");
    private static final Pattern VOTER = Pattern.compile("\\d+@(\\[[^\\]]+]|[^:]+):\\d+");

    /** The file can't be used; the message says which key, what it holds and what is allowed. */
    static final class Invalid extends Exception {
        private static final long serialVersionUID = 1;
        private final int port;

        Invalid(String message) {
            this(message, PORT);
        }

        private Invalid(String message, int port) {
            super(message);
            this.port = port;
        }

        /** Where to say so: the port the file names if it names a good one, else the default. */
        int port() {
            return port;
        }
    }

    /** Read the file at {@code argument}, in which {@code %{NAME}} stands for an environment variable. */
    static Settings load(String argument, Map<String, String> environment) throws Invalid {
        Path path = Path.of(expand(argument == null ? "" : argument, environment));
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(path)) {
            properties.load(reader);
        } catch (IOException | IllegalArgumentException problem) {
            throw new Invalid("properties file '" + path + "' can't be read: " + problem);
        }
        int port = number(properties, "port", PORT, 1, 65535);
        try {
            return parse(properties, port);
        } catch (Invalid problem) {
            throw new Invalid(problem.getMessage(), port);
        }
    }

    private static String expand(String text, Map<String, String> environment) throws Invalid {
        StringBuilder expanded = new StringBuilder();
        Matcher matcher = VARIABLE.matcher(text);
        while (matcher.find()) {
            String value = environment.get(matcher.group(1));
            if (value == null) {
                throw new Invalid("the agent's argument '" + text + "' names the environment variable "
                        + matcher.group(1) + ", which is not set");
            }
            matcher.appendReplacement(expanded, Matcher.quoteReplacement(value));
        }
        return matcher.appendTail(expanded).toString();
    }

    private static Settings parse(Properties properties, int port) throws Invalid {
        Map<String, Object> admin = new TreeMap<>(Map.of(
                "request.timeout.ms", "3000",
                "default.api.timeout.ms", "5000",
                // The client's metrics are of no use to anyone here and would cost an MBean each.
                "metric.reporters", "",
                "enable.metrics.push", "false"));
        Set<String> unknown = new TreeSet<>();
        for (String key : properties.stringPropertyNames()) {
            if (key.startsWith(ADMIN)) {
                admin.put(key.substring(ADMIN.length()), properties.getProperty(key).trim());
            } else if (!KEYS.contains(key)) {
                unknown.add(key);
            }
        }
        if (!unknown.isEmpty()) {
            throw new Invalid("unknown " + String.join(", ", unknown) + "; known are "
                    + String.join(", ", new TreeSet<>(KEYS)) + " and " + ADMIN + "<name>");
        }
        int nodeId = number(properties, "node.id", null, 0, Integer.MAX_VALUE);
        admin.putIfAbsent("client.id", "readiness-" + nodeId);
        List<String> roles = List.of(required(properties, "process.roles").split("\\s*,\\s*"));
        if (!ROLES.containsAll(roles)) {
            throw new Invalid(
                    "process.roles is '" + String.join(",", roles) + "'; allowed are broker, controller or both");
        }
        boolean broker = roles.contains("broker");
        boolean controller = roles.contains("controller");
        if (broker) {
            required(properties, ADMIN + "bootstrap.servers");
        }
        return new Settings(
                nodeId,
                broker,
                controller,
                controller ? hosts(required(properties, "controller.quorum.voters")) : List.of(),
                port,
                span(properties, "check.interval.ms", 1_000),
                span(properties, "isr.recheck.ms", 30_000),
                span(properties, "unready.after.ms", 60_000),
                span(properties, "leaderless.grace.ms", 60_000),
                span(properties, "controller.max.lag.ms", 5_000),
                Map.copyOf(admin));
    }

    private static List<String> hosts(String voters) throws Invalid {
        List<String> hosts = new ArrayList<>();
        for (String voter : voters.split("\\s*,\\s*")) {
            Matcher matcher = VOTER.matcher(voter);
            if (!matcher.matches()) {
                throw new Invalid("controller.quorum.voters has '" + voter + "'; allowed is id@host:port");
            }
            hosts.add(matcher.group(1));
        }
        return List.copyOf(hosts);
    }

    private static String required(Properties properties, String key) throws Invalid {
        String value = properties.getProperty(key, "").trim();
        if (value.isEmpty()) {
            throw new Invalid(key + " is missing");
        }
        return value;
    }

    private static Duration span(Properties properties, String key, int fallback) throws Invalid {
        return Duration.ofMillis(number(properties, key, fallback, 1, Integer.MAX_VALUE));
    }

    private static int number(Properties properties, String key, Integer fallback, int least, int most) throws Invalid {
        if (fallback != null && !properties.containsKey(key)) {
            return fallback;
        }
        String text = required(properties, key);
        try {
            int value = Integer.parseInt(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException notANumber) {
            // Said below, together with what is out of range.
        }
        throw new Invalid(key + " is '" + text + "'; allowed is a whole number from " + least + " to " + most);
    }
}
