// SPDX-License-Identifier: Apache-2.0
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Mill {
    static long collatz(long n) {
        long steps = 0;
        for (; n != 1; steps++) n = (n & 1) == 0 ? n / 2 : 3 * n + 1;
        return steps;
    }

    static void threads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> parts = new ArrayList<>();
        for (int k = 0; k < 8; k++) {
            final int from = k * 5000 + 1;
            parts.add(pool.submit(() -> LongStream.range(from, from + 5000).map(Mill::collatz).sum()));
        }
        long sum = 0;
        for (Future<Long> part : parts) sum += part.get();
        pool.shutdown();
        System.out.println("threads " + sum + " " + pool.awaitTermination(5, TimeUnit.SECONDS));
    }

    static void garbage() {
        Map<Integer, byte[]> kept = new LinkedHashMap<>();
        long allocated = 0;
        for (int i = 0; allocated < 300L << 20; i++) {
            byte[] b = new byte[1000 + i % 5000];
            b[i % b.length] = (byte) i;
            allocated += b.length;
            kept.put(i % 2000, b);
        }
        System.gc();
        System.out.println("kept " + kept.size() + " " + kept.values().stream().mapToLong(b -> b.length).sum());
    }

    static int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }
    static int endless(int n) { return endless(n + 1) + 1; }

    static void faults() {
        int[] none = args.length > 5 ? new int[1] : null;
        try { System.out.println(none[0]); } catch (NullPointerException e) { System.out.println("null pointer"); }
        try { System.out.println(1 / (args.length - args.length)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        try { endless(0); } catch (StackOverflowError e) { System.out.println("stack overflow, then " + deep(1000)); }
    }

    static String[] args;

    public static void main(String[] a) throws Exception {
        args = a;
        threads();
        garbage();
        faults();
        SortedMap<String, Integer> words = new TreeMap<>();
        for (String w : "the cat the hat the end".split(" ")) words.merge(w, 1, Integer::sum);
        System.out.println(words);
        Process p = new ProcessBuilder("/bin/echo", "from a child").start();
        System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
        AtomicInteger n = new AtomicInteger();
        Thread[] t = new Thread[20];
        for (int i = 0; i < t.length; i++) (t[i] = new Thread(() -> { for (int k = 0; k < 10000; k++) n.incrementAndGet(); })).start();
        for (Thread x : t) x.join();
        System.out.println("counted " + n);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
        System.exit(3);
    }
}
