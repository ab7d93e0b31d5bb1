package platform.readiness;

import java.security.Security;
import java.time.Duration;
import java.util.List;

/**
 * Entry point of the Java agent. Nothing here may end or delay the JVM it runs in: all work is done by daemon threads,
 * and what goes wrong becomes a reason in the answer and a line on standard error.
 */
public final class Agent {
    private static final Duration BIND_RETRY = Duration.ofSeconds(5);

    private Agent() {}

    /** Called by the JVM before Kafka's main; {@code argument} is the path of the properties file. */
    public static void premain(String argument) {
        // InetAddress reads these once, when it is first used: a pod that comes or goes must be noticed within seconds.
        Security.setProperty("networkaddress.cache.ttl", "5");
        Security.setProperty("networkaddress.cache.negative.ttl", "1");
        Thread thread = new Thread(() -> run(argument), "readiness");
        // The HTTP server's threads inherit it.
        thread.setDaemon(true);
        thread.start();
    }

    private static void run(String argument) {
        try {
            Settings settings = Settings.load(argument, System.getenv());
            watch(settings, listen(settings.port()));
        } catch (Settings.Invalid problem) {
            fail(listen(problem.port()), problem.getMessage());
        } catch (Throwable problem) {
            log("stopped: " + problem);
        }
    }

    private static void fail(Answers answers, String reason) {
        log(reason);
        answers.set(new Verdict(Verdict.Phase.STARTING, List.of(reason)));
    }

    private static Answers listen(int port) {
        while (true) {
            try {
                return Answers.listen(port);
            } catch (java.io.IOException problem) {
                log("port " + port + " can't be bound: " + problem.getMessage());
                pause(BIND_RETRY);
            }
        }
    }

    private static void watch(Settings settings, Answers answers) {
        Judge judge = new Judge(settings);
        Synchrony synchrony;
        try {
            synchrony = new Synchrony(settings);
        } catch (LinkageError problem) {
            fail(answers, "kafka-clients is not on the class path: " + problem);
            return;
        }
        Voters voters = new Voters(settings.voterHosts());
        Verdict verdict = judge.last();
        String failure = "";
        while (true) {
            try {
                Local local = Local.read();
                long now = System.nanoTime() / 1_000_000;
                if (settings.isBroker() && local.isRunning() && local.hasLeader() && synchrony.isDue(now)) {
                    synchrony.look(now, judge.last().ready());
                }
                Verdict next = judge.decide(System.nanoTime() / 1_000_000, local, synchrony.last(), voters);
                answers.set(next);
                if (next.phase() != verdict.phase()) {
                    log("node " + settings.nodeId() + " " + next.line());
                }
                verdict = next;
                failure = "";
            } catch (Throwable problem) {
                // The last answer stands: an error in here says nothing about Kafka.
                if (!failure.equals(problem.toString())) {
                    failure = problem.toString();
                    log("evaluation failed: " + failure);
                }
            }
            pause(settings.checkInterval());
        }
    }

    private static void pause(Duration span) {
        try {
            Thread.sleep(span.toMillis());
        } catch (InterruptedException ignored) {
            // Nobody interrupts this thread on purpose; carry on.
        }
    }

    static void log(String line) {
        System.err.println("[readiness] " + line);
    }
}
