package platform.readiness;

import java.lang.management.ManagementFactory;
import java.util.Map;
import java.util.OptionalLong;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * What this node says of itself over JMX. What isn't registered yet is empty.
 *
 * @param brokerState {@code org.apache.kafka.metadata.BrokerState}
 * @param leader node id of the quorum's leader, negative while there is none
 * @param raftState lower-case state in the quorum, such as {@code leader}, {@code follower}, {@code observer}; or empty
 * @param logEnd offset after the last record of the metadata log
 * @param lagMs age of the last record the controller applied
 */
record Local(OptionalLong brokerState, OptionalLong leader, String raftState, OptionalLong logEnd, OptionalLong lagMs) {

    private static final int RUNNING = 3;
    private static final Map<Long, String> STATES = Map.of(
            0L, "NOT_RUNNING", 1L, "STARTING", 2L, "RECOVERY", 3L, "RUNNING",
            6L, "PENDING_CONTROLLED_SHUTDOWN", 7L, "SHUTTING_DOWN");
    private static final ObjectName BROKER = name("kafka.server:type=KafkaServer,name=BrokerState");
    private static final ObjectName RAFT = name("kafka.server:type=raft-metrics");
    private static final ObjectName LAG = name("kafka.controller:type=KafkaController,name=LastAppliedRecordLagMs");

    static Local read() throws JMException {
        MBeanServer server = ManagementFactory.getPlatformMBeanServer();
        Object state = attribute(server, RAFT, "current-state");
        return new Local(
                number(attribute(server, BROKER, "Value")),
                number(attribute(server, RAFT, "current-leader")),
                state == null ? "" : state.toString(),
                number(attribute(server, RAFT, "log-end-offset")),
                number(attribute(server, LAG, "Value")));
    }

    boolean isRunning() {
        return brokerState.isPresent() && brokerState.getAsLong() == RUNNING;
    }

    boolean hasLeader() {
        return leader.isPresent() && leader.getAsLong() >= 0;
    }

    boolean isVoting() {
        return raftState.equals("leader") || raftState.equals("follower");
    }

    /** True when no quorum this node belonged to has ever written a record. */
    boolean isBlank() {
        return logEnd.isPresent() && logEnd.getAsLong() == 0;
    }

    String brokerStateName() {
        if (brokerState.isEmpty()) {
            return "unknown";
        }
        long value = brokerState.getAsLong();
        return STATES.getOrDefault(value, Long.toString(value));
    }

    private static Object attribute(MBeanServer server, ObjectName bean, String attribute) throws JMException {
        try {
            return server.getAttribute(bean, attribute);
        } catch (InstanceNotFoundException notYet) {
            return null;
        }
    }

    private static OptionalLong number(Object value) {
        // Kafka's own metrics are doubles, NaN before the first measurement.
        return value instanceof Number number && !Double.isNaN(number.doubleValue())
                ? OptionalLong.of(number.longValue())
                : OptionalLong.empty();
    }

    private static ObjectName name(String text) {
        try {
            return new ObjectName(text);
        } catch (JMException impossible) {
            throw new IllegalArgumentException(text, impossible);
        }
    }
}
