using System.Text;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A bundle of a statement whose evidence was erased proves that it was, with the facts of the signed log, to both
/// programs; without these facts the missing evidence is a fault.
/// </summary>
public sealed class ErasedBundleTests : IDisposable
{
    private readonly PersonalTown town = new();

    public void Dispose() => town.Dispose();

    [Fact]
    public void Evidence_that_names_persons_is_handed_out_salted_and_recorded()
    {
        var zip = town.File("r1.zip", "");
        town.Run("bundle", "--statement", "R1", "--out", zip).Errors.ShouldContain("--by WHO --why PURPOSE");
        var files = Made(zip);
        var salted = files.Values.Where(file =>
            Encoding.UTF8.GetString(file).StartsWith("ledger-salted-evidence/1\n", StringComparison.Ordinal)).ToList();
        salted.Count.ShouldBe(3); // both cards and the curve
        salted.ShouldContain(file => Encoding.UTF8.GetString(file).Contains(PersonalTown.First));
        Both(zip, isVerified: true).ShouldAllBe(output => !output.Contains("ERASED"));
    }

    [Fact]
    public void Both_programs_say_what_was_erased_and_do_not_call_it_verified()
    {
        town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        town.Run("erase", PersonalTown.Third).Exit.ShouldBe(ExitCode.Done);
        var zip = town.File("r1.zip", "");
        town.Run("bundle", "--statement", "R1", "--out", zip, "--by", "staff-7", "--why", "audit").Errors
            .ShouldContain("make one with: ledger checkpoint"); // the erasures are not in a signed log yet
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var files = Made(zip);
        foreach (var output in Both(zip, isVerified: true))
        {
            output.Split('\n').Count(line => line.Contains("ERASED", StringComparison.Ordinal)
                && line.Contains("evidence ", StringComparison.Ordinal)).ShouldBe(2, output);
            output.ShouldContain("NOT CHECKED: ");
        }
        town.Run("verify", zip).Output.ShouldContain(" interval records whose evidence was erased");
        var erasures = files.Keys.Where(name => name.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal))
            .Where(name => Proof(files[name]).Contains("subject-erased", StringComparison.Ordinal)).ToList();
        erasures.Count.ShouldBe(2);
        // Without the fact nothing says that the evidence was erased, and the manifest is named by no event.
        files.Remove(erasures[0]);
        Both(Packed(files), isVerified: false).ShouldAllBe(output => output.Contains("evidence/"));
    }

    /// <summary>An erasure of something else proves nothing here and is one event too many.</summary>
    [Fact]
    public void An_erasure_of_nothing_that_is_missing_is_found()
    {
        var before = Made(town.File("r1.zip", ""));
        town.Run("erase", PersonalTown.First).Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        var files = Made(town.File("r1.zip", ""));
        // The town before the erasure has the evidence, and its salt: with it nothing is missing.
        foreach (var (name, content) in before) files.TryAdd(name, content);
        Both(Packed(files), isVerified: false).ShouldAllBe(output => output.Contains("an erasure of nothing"));
    }

    private SortedDictionary<string, byte[]> Made(string zip)
    {
        var made = town.Run("bundle", "--statement", "R1", "--out", zip, "--by", "staff-7", "--why", "audit");
        (made.Exit, made.Errors).ShouldBe((ExitCode.Done, ""));
        return BundleZip.Read(File.ReadAllBytes(zip));
    }

    private string Packed(SortedDictionary<string, byte[]> files)
    {
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", "R1", files).ToBytes();
        var path = town.File("changed.zip", "");
        File.WriteAllBytes(path, BundleZip.Write(files));
        return path;
    }

    private static string Proof(byte[] proof) => Encoding.UTF8.GetString(Convert.FromBase64String(
        Encoding.UTF8.GetString(proof).Split('\n')[1]["extra ".Length..]));

    /// <summary>What both programs say of a bundle, where python3 is there; else what ours says.</summary>
    private List<string> Both(string zip, bool isVerified)
    {
        var mine = town.Run("verify", zip);
        mine.Exit.ShouldBe(isVerified ? ExitCode.Done : ExitCode.NotAsItShouldBe, mine.Output);
        var said = new List<string> { mine.Output };
        if (!OtherProgram.IsThere) return said;
        var (exit, output) = OtherProgram.Run(zip);
        exit.ShouldBe(isVerified ? 0 : 1, output);
        said.Add(output);
        return said;
    }
}
