package platform.readiness;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.PartitionReassignment;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** Asks the cluster's metadata whether this broker is in the ISR of every partition it hosts. */
final class Synchrony {
    /** A look may take up to a fifth of the time, however many partitions there are. */
    private static final int REST = 4;
    /** The admin client has its own, shorter limit; this one only bounds a client that hangs. */
    private static final int LIMIT_SECONDS = 30;

    /**
     * The outcome of one look.
     *
     * @param known false when nobody answered; {@code failure} says why
     * @param hosted number of partitions that have this broker as a replica
     * @param missing those among them whose ISR lacks it
     * @param leaderless those whose ISR lacks it and that have no leader to take it in
     */
    record Look(boolean known, String failure, int hosted, List<String> missing, List<String> leaderless) {
        boolean inSync() {
            return known && missing.isEmpty() && leaderless.isEmpty();
        }
    }

    private static final Look NONE = new Look(false, "nobody was asked yet", 0, List.of(), List.of());

    private final Settings settings;
    private Admin admin;
    private Look last = NONE;
    private long due = Long.MIN_VALUE;

    Synchrony(Settings settings) {
        this.settings = settings;
    }

    Look last() {
        return last;
    }

    boolean isDue(long now) {
        return now >= due;
    }

    /** Ask now, and set when to ask again: seldom if {@code ready} and nothing speaks against it, else soon. */
    void look(long now, boolean ready) {
        try {
            last = ask();
        } catch (Exception problem) {
            last = new Look(false, reason(problem), 0, List.of(), List.of());
        }
        long end = System.nanoTime() / 1_000_000;
        boolean calm = ready && (last.inSync() || !last.known());
        long soon = Math.max(settings.checkInterval().toMillis(), REST * (end - now));
        due = end + (calm ? settings.recheck().toMillis() : soon);
    }

    private Look ask() throws ExecutionException, InterruptedException, TimeoutException {
        if (admin == null) {
            admin = Admin.create(settings.admin());
        }
        Set<String> names = await(admin.listTopics(new ListTopicsOptions().listInternal(true)).names());
        Map<String, KafkaFuture<TopicDescription>> topics =
                admin.describeTopics(TopicCollection.ofTopicNames(names)).topicNameValues();
        int hosted = 0;
        Set<TopicPartition> missing = new HashSet<>();
        Set<TopicPartition> leaderless = new HashSet<>();
        for (Map.Entry<String, KafkaFuture<TopicDescription>> topic : topics.entrySet()) {
            for (TopicPartitionInfo partition : partitions(topic.getValue())) {
                if (!names(partition.replicas())) {
                    continue;
                }
                hosted++;
                if (!names(partition.isr())) {
                    boolean led = partition.leader() != null && !partition.leader().isEmpty();
                    (led ? missing : leaderless).add(new TopicPartition(topic.getKey(), partition.partition()));
                }
            }
        }
        removeJoining(missing);
        return new Look(true, "", hosted, sorted(missing), sorted(leaderless));
    }

    private List<TopicPartitionInfo> partitions(KafkaFuture<TopicDescription> topic)
            throws ExecutionException, InterruptedException, TimeoutException {
        try {
            return await(topic).partitions();
        } catch (ExecutionException problem) {
            if (problem.getCause() instanceof UnknownTopicOrPartitionException) {
                // Deleted since it was listed.
                return List.of();
            }
            throw problem;
        }
    }

    /** Take out the partitions that a reassignment is only now copying to this broker (KIP-455). */
    private void removeJoining(Set<TopicPartition> missing)
            throws ExecutionException, InterruptedException, TimeoutException {
        if (missing.isEmpty()) {
            return;
        }
        Map<TopicPartition, PartitionReassignment> moves =
                await(admin.listPartitionReassignments(missing).reassignments());
        moves.forEach((partition, move) -> {
            if (move.addingReplicas().contains(settings.nodeId())) {
                missing.remove(partition);
            }
        });
    }

    private boolean names(List<Node> nodes) {
        return nodes.stream().anyMatch(node -> node.id() == settings.nodeId());
    }

    private static List<String> sorted(Set<TopicPartition> partitions) {
        List<String> names = new ArrayList<>(partitions.size());
        partitions.forEach(partition -> names.add(partition.toString()));
        names.sort(null);
        return List.copyOf(names);
    }

    private static <T> T await(KafkaFuture<T> future)
            throws ExecutionException, InterruptedException, TimeoutException {
        return future.get(LIMIT_SECONDS, TimeUnit.SECONDS);
    }

    private static String reason(Exception problem) {
        // KafkaException and ExecutionException only wrap what matters.
        Throwable cause = problem;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        return cause.getClass().getSimpleName() + ": " + cause.getMessage();
    }
}
