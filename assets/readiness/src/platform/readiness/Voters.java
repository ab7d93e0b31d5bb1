package platform.readiness;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;

/** The controllers that the quorum is to be made of. */
final class Voters {
    private final List<String> hosts;

    Voters(List<String> hosts) {
        this.hosts = hosts;
    }

    int size() {
        return hosts.size();
    }

    int majority() {
        return hosts.size() / 2 + 1;
    }

    /** How many of them have an address right now. May take as long as the resolver's time-outs. */
    int resolvable() {
        return (int) hosts.stream().filter(Voters::resolves).count();
    }

    private static boolean resolves(String host) {
        try {
            return InetAddress.getAllByName(host).length > 0;
        } catch (UnknownHostException unknown) {
            return false;
        }
    }
}
