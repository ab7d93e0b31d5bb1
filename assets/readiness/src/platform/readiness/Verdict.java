package platform.readiness;

import java.util.List;

/** What {@code /ready} answers. */
record Verdict(Phase phase, List<String> reasons) {

    enum Phase {
        STARTING,
        BOOTSTRAP,
        READY,
        LOST
    }

    boolean ready() {
        return phase == Phase.READY || phase == Phase.BOOTSTRAP;
    }

    /** One line of JSON. */
    String line() {
        StringBuilder line = new StringBuilder("{\"ready\":").append(ready()).append(",\"phase\":");
        quote(line, phase.name().toLowerCase(java.util.Locale.ROOT)).append(",\"reasons\":[");
        String separator = "";
        for (String reason : reasons) {
            quote(line.append(separator), reason);
            separator = ",";
        }
        return line.append("]}").toString();
    }

    private static StringBuilder quote(StringBuilder line, String text) {
        line.append('"');
        for (char character : text.toCharArray()) {
            if (character == '"' || character == '\\') {
                line.append('\\').append(character);
            } else if (character < ' ') {
                line.append(String.format("\\u%04x", (int) character));
            } else {
                line.append(character);
            }
        }
        return line.append('"');
    }
}
