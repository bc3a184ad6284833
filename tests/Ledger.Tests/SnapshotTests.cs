using Shouldly;

namespace Ledger.Tests;

public sealed class SnapshotTests
{
    [Fact]
    public void Equal_text_and_bytes_match()
    {
        Snapshot.Match("one line\r\nand another", "Snapshot.text");
        Snapshot.Match(Enumerable.Range(0, 40).Select(value => (byte)value).ToArray(), "Snapshot.bytes");
    }

    [Fact]
    public void A_difference_fails_and_leaves_what_was_received()
    {
        var received = Repository.PathOf("tests/Ledger.Tests/Snapshot.difference.received.txt");
        try
        {
            Should.Throw<ShouldAssertException>(() => Snapshot.Match("this", "Snapshot.difference"));
            File.ReadAllText(received).ShouldBe("this\n");
        }
        finally
        {
            File.Delete(received);
        }
    }
}
