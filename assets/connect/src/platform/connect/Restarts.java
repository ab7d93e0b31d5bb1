package platform.connect;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.health.AbstractState;
import org.apache.kafka.connect.health.ConnectClusterState;
import org.apache.kafka.connect.health.ConnectorHealth;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Restarts connectors and tasks that failed on this worker, as their configurations ask for. Each worker looks after what
 * it runs itself, so nothing is restarted twice; what moves to another worker has been restarted by that, and starts to
 * count anew.
 */
final class Restarts {
    /** Restarts one connector, or one of its tasks. */
    interface Command {
        /** {@code task}: null for the connector itself. */
        void restart(String connector, Integer task) throws IOException, InterruptedException;
    }

    private static final Logger LOG = LoggerFactory.getLogger(Restarts.class);
    private static final String FAILED = "FAILED";

    private record Entry(Attempts attempts, Policy policy) {}

    private final String worker;
    private final Command command;
    private final Map<String, Entry> entries = new ConcurrentSkipListMap<>();

    Restarts(String worker, Command command) {
        this.worker = worker;
        this.command = command;
    }

    /** Looks at every connector once; {@code now} is milliseconds of a clock that doesn't go back. */
    void look(ConnectClusterState cluster, Collection<String> connectors, long now) throws InterruptedException {
        Set<String> here = new HashSet<>();
        for (String name : connectors) {
            try {
                ConnectorHealth health = cluster.connectorHealth(name);
                judge(cluster, name, null, health.connectorState(), here, now);
                for (var task : health.tasksState().values()) {
                    judge(cluster, name, task.taskId(), task, here, now);
                }
            } catch (ConnectException gone) {
                // It was deleted, or has no state yet.
            }
        }
        entries.keySet().retainAll(here);
    }

    private void judge(
            ConnectClusterState cluster, String name, Integer task, AbstractState state, Set<String> here, long now)
            throws InterruptedException {
        if (!worker.equals(state.workerId())) {
            return;
        }
        String key = task == null ? name : name + "/" + task;
        if (!FAILED.equals(state.state())) {
            Entry known = entries.get(key);
            if (known != null) {
                known.attempts().well(known.policy(), now);
                if (known.attempts().restarts() > 0 && !state.state().equals("STOPPED")) {
                    here.add(key);
                }
            }
            return;
        }
        here.add(key);
        Entry known = entries.get(key);
        Attempts attempts = known == null ? new Attempts() : known.attempts();
        Entry entry = new Entry(attempts, Policy.of(cluster.connectorConfig(name)));
        entries.put(key, entry);
        if (attempts.failed(entry.policy(), now)) {
            restart(name, task, key, entry, now);
        }
    }

    private void restart(String name, Integer task, String key, Entry entry, long now) throws InterruptedException {
        try {
            command.restart(name, task);
            entry.attempts().restarted(now);
            int done = entry.attempts().restarts();
            LOG.warn("{} failed and was restarted, {} of {} times", key, done, entry.policy().most());
        } catch (IOException problem) {
            LOG.warn("{} failed and could not be restarted, it is tried again: {}", key, problem.toString());
        }
    }

    /** Everything that failed here and hasn't recovered, a JSON object. */
    String json() {
        List<String> found = new ArrayList<>();
        entries.forEach((key, entry) -> found.add(
                "{\"of\":\"" + key.replace("\\", "\\\\").replace("\"", "\\\"") + "\",\"restarts\":"
                        + entry.attempts().restarts() + ",\"most\":" + entry.policy().most() + ",\"given_up\":"
                        + entry.attempts().givenUp(entry.policy()) + "}"));
        return "{\"restarts\":[" + String.join(",", found) + "]}\n";
    }
}
