package platform.readiness;

import java.util.ArrayList;
import java.util.List;
import platform.readiness.Verdict.Phase;

/** The rules of README.md. Knows the past, because a ready node is judged more leniently than one that starts. */
final class Judge {
    private static final long NEVER = -1;

    private final Settings settings;
    private Verdict last = new Verdict(Phase.STARTING, List.of("nothing was evaluated yet"));
    private long lostSince = NEVER;
    private long leaderlessSince = NEVER;

    Judge(Settings settings) {
        this.settings = settings;
    }

    Verdict last() {
        return last;
    }

    /** Judge by the facts at {@code now}, in milliseconds of a clock that never goes back. */
    Verdict decide(long now, Local local, Synchrony.Look look, Voters voters) {
        last = last.phase() == Phase.READY ? keep(now, local, look) : admit(now, local, look, voters);
        return last;
    }

    private Verdict admit(long now, Local local, Synchrony.Look look, Voters voters) {
        lostSince = NEVER;
        List<String> reasons = new ArrayList<>();
        if (!local.hasLeader()) {
            reasons.add("the metadata quorum has no leader");
        }
        reasons.addAll(behind(local));
        if (settings.isBroker()) {
            reasons.addAll(stopped(local));
            if (reasons.isEmpty()) {
                reasons.addAll(unsynchronised(now, look));
            } else {
                leaderlessSince = NEVER;
            }
        }
        if (reasons.isEmpty()) {
            return new Verdict(Phase.READY, reasons);
        }
        if (settings.isController() && local.isBlank() && !local.hasLeader()) {
            int resolvable = voters.resolvable();
            if (resolvable < voters.majority()) {
                return new Verdict(Phase.BOOTSTRAP, List.of(
                        "a new cluster: " + resolvable + " of " + voters.size() + " voters have an address"));
            }
        }
        return new Verdict(last.phase() == Phase.LOST ? Phase.LOST : Phase.STARTING, reasons);
    }

    private Verdict keep(long now, Local local, Synchrony.Look look) {
        if (settings.isBroker() && !local.isRunning()) {
            return new Verdict(Phase.LOST, stopped(local));
        }
        if (!local.hasLeader()) {
            lostSince = NEVER;
            return new Verdict(Phase.READY, List.of("the metadata quorum has no leader"));
        }
        List<String> reasons = new ArrayList<>(behind(local));
        reasons.addAll(outOfSync(look));
        if (reasons.isEmpty()) {
            lostSince = NEVER;
            return new Verdict(Phase.READY, unanswered(look));
        }
        lostSince = lostSince == NEVER ? now : lostSince;
        return new Verdict(now - lostSince < settings.unreadyAfter().toMillis() ? Phase.READY : Phase.LOST, reasons);
    }

    private List<String> stopped(Local local) {
        return local.isRunning() ? List.of() : List.of("broker state is " + local.brokerStateName() + ", not RUNNING");
    }

    private List<String> behind(Local local) {
        if (!settings.isController() || !local.hasLeader()) {
            return List.of();
        }
        if (!local.isVoting()) {
            return List.of("controller is " + local.raftState() + ", neither leader nor follower");
        }
        long most = settings.maxLag().toMillis();
        if (local.lagMs().isPresent() && local.lagMs().getAsLong() <= most) {
            return List.of();
        }
        return List.of("controller has applied no metadata record of the last " + most + " ms");
    }

    private List<String> unsynchronised(long now, Synchrony.Look look) {
        List<String> reasons = new ArrayList<>(unanswered(look));
        reasons.addAll(outOfSync(look));
        if (!reasons.isEmpty() || look.leaderless().isEmpty()) {
            leaderlessSince = NEVER;
            return reasons;
        }
        leaderlessSince = leaderlessSince == NEVER ? now : leaderlessSince;
        if (now - leaderlessSince < settings.leaderlessGrace().toMillis()) {
            reasons.add(some(look.leaderless(), look.hosted()) + " without a leader");
        }
        return reasons;
    }

    private static List<String> unanswered(Synchrony.Look look) {
        return look.known() || look.failure().isEmpty() ? List.of() : List.of("ISR unknown: " + look.failure());
    }

    private static List<String> outOfSync(Synchrony.Look look) {
        return look.missing().isEmpty() ? List.of() : List.of(some(look.missing(), look.hosted()) + " not in sync");
    }

    private static String some(List<String> partitions, int hosted) {
        return partitions.size() + " of " + hosted + " hosted partitions, first " + partitions.get(0) + ",";
    }
}
