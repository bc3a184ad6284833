using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Bundles;

/// <summary>What a bundle says to the person who opens it. Nothing vouches for this text.</summary>
internal static class BundleReadme
{
    public static string Of(LedgerId ledger, TimeOfUseSettlement.RunRow run) => $$"""
        Settlement run {{run.Run}} of {{run.Account}} for {{run.Day}}, ledger {{ledger}}
        Format {{BundleFiles.Format}}: docs/evidence-bundle.md of the project Ledger

        With this zip alone, without the ledger and without a network, you can check that
          - every event from which the statement was calculated is in the log that was signed,
          - the evidence is what these events name, byte for byte,
          - the statement follows from these events, and has the total that was recorded.

        With one of two programs that share no code
          ledger verify BUNDLE.zip --keys KEYS
          python3 verify_ledger.py BUNDLE.zip --keys KEYS
        KEYS is a file with the ledger's public key, one line, that you have from elsewhere: the key in this
        zip is only the zip's own word. The last line of each program says VERIFIED or NOT VERIFIED; what
        it did not look at stands above it as NOT CHECKED.

        With public tools
          sha256sum -c SHA256SUMS                                every file is as it was packed
          (cd evidence && sha256sum * | awk '$1 != $2')          prints nothing: evidence is named by its SHA-256
          checkpoint, keys         a note of c2sp.org/signed-note over the log's size and root, and a key
                                   for any of its verifiers (Go: golang.org/x/mod/sumdb/note)
          events/*.tlog-proof      c2sp.org/tlog-proof: that an entry is in the log of that checkpoint. "extra" is
                                   1 byte 1, 32 bytes salt, u32 length of the header, header, payload; the entry
                                   is SHA-256(salt, header, SHA-256(payload))
          statement.lines          one line of the statement a line; its RFC 6962 root is linesRoot in the event
                                   settlement-run-completed

        What it cannot show: whose key signed, that no other history was signed with it, and that the ledger
        holds no other fact that should have counted. For that, ask for the checkpoints that others kept and
        for the whole ledger.

        """.ReplaceLineEndings("\n");

    /// <summary>The same for a bundle of single lines.</summary>
    public static string OfLines(LedgerId ledger, string request) => $$"""
        {{request}}, ledger {{ledger}}
        Format {{BundleFiles.LinesFormat}}: docs/evidence-bundle.md of the project Ledger

        With this zip alone, without the ledger and without a network, you can check that
          - every event on which these lines rest is in the log that was signed,
          - the evidence is what these events name, byte for byte,
          - each line is in the settlement run that was recorded, and follows from the events of its point,
          - its energy and amount come out again from the raw evidence,
          - a sample is the one that its seed draws, and its projection follows from its exceptions.

        ledger verify BUNDLE.zip --keys KEYS
        KEYS is a file with the ledger's public key, one line, that you have from elsewhere: the key in this
        zip is only the zip's own word. The last line says VERIFIED or NOT VERIFIED; what was not looked at
        stands above it as NOT CHECKED.

        With public tools
          sha256sum -c SHA256SUMS                                every file is as it was packed
          (cd evidence && sha256sum * | awk '$1 != $2')          prints nothing: evidence is named by its SHA-256
          checkpoint, keys, handovers   notes of c2sp.org/signed-note, and keys for their verifiers
          events/*.tlog-proof           c2sp.org/tlog-proof: that an entry is in the log of that checkpoint
          statements/POSITION.lines     the lines of the run recorded there; RFC 6962 root linesRoot
          lines.json                    what was asked, drawn, derived and found

        What it cannot show: whose key signed, that no other history was signed with it, that other runs should
        have been drawn from, and whether the points of these lines are those that the account is settled by.

        """.ReplaceLineEndings("\n");
}
