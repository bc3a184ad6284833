using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Master data in CSV: each kind of file, every fault of a row,
/// and the dry run that records nothing.</summary>
public sealed class MasterDataRowsTests
{
    public static TheoryData<string> Headers() => [.. MasterDataRows.Sheets.Select(sheet => sheet.Header)];

    [Theory, MemberData(nameof(Headers))]
    public async Task The_example_of_each_kind_is_recorded_once(string header)
    {
        await using var ledger = new IntakeLedger();
        var file = MasterDataRows.Sheets.Single(sheet => sheet.Header == header).Example;
        var report = await ledger.TakeAsync(file);
        report.Format.ShouldBe("master data");
        report.Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Recorded>();
        (await ledger.TakeAsync(file)).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        (await ledger.FactsAsync()).ShouldHaveSingleItem();
    }

    /// <summary>P and P/1 are two points, though the one name begins the other.</summary>
    [Fact]
    public async Task The_registers_of_a_point_are_its_own()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        await ledger.TakeAsync(IntakeLedger.Connector.Replace("CP1", "CP1/1").Replace("M1", "M2"));
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        new Answers(ledger.Ledger.Views).Registers(new("CP1")).Select(row => (row.Register, row.MeterSerial))
            .ShouldBe([("CP1/1.8.0", "M1"), ("CP1/2.8.0", "M1")]);
    }

    [Fact]
    public void The_headers_are_documented()
    {
        var documented = Repository.Text("docs/master-data.md");
        foreach (var sheet in MasterDataRows.Sheets) documented.ShouldContain(sheet.Example);
    }

    [Fact]
    public async Task Every_fault_of_a_row_is_named_and_stops_no_other_row()
    {
        await using var ledger = new IntakeLedger();
        var report = await ledger.TakeAsync("""
            point,station,kind,owner,zone,period_minutes,rated_kw,bidirectional,valid_from
            C-1,S-1,connector,op,Asia/Shanghai,15,1000,true,2026-01-01T00:00:00Z
            C 2,S-1,plug,op,Asia/Shanghai,quarter,-5,maybe,yesterday
            C-3,S-1,connector,,Asia/Shanghai,15,1000,true,2026-01-01T00:00:00Z
            C-4,S-1,connector,op,Mars/Olympus,7,1000,true,2026-01-01T00:00:00Z
            C-5,S-1
            C-6,S-1,connector,op,Asia/Shanghai,15,"1000",true,2026-01-01T00:00:00Z
            C-7,S-1,connector,op,Asia/Shanghai,15,"1000,5",true,2026-01-01T00:00:00Z
            """);
        report.Parts.Count.ShouldBe(7);
        foreach (var part in report.Parts.Skip(5))
            part.Faults!.ShouldHaveSingleItem().Rule
                .ShouldEndWith("; cells are not quoted, and columns are separated by commas");
        report.Parts[0].Outcome.ShouldBeOfType<RecordOutcome.Recorded>();
        report.Parts[1].Faults!.Select(fault => $"{fault.Field} {fault.Value} {fault.Code}").ShouldBe(
        [
            "point C 2 InvalidIdentifier", "kind plug OutOfRange", "period_minutes quarter NotANumber",
            "rated_kw -5 OutOfRange", "bidirectional maybe Malformed", "valid_from yesterday InvalidTime",
        ]);
        report.Parts[2].Faults!.ShouldHaveSingleItem().ShouldBe(new("owner", "", Rejection.MissingField, "is needed"));
        // The concept's own rules judge what can be read.
        report.Parts[3].Outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.OutOfRange);
        report.Parts[4].Faults!.ShouldHaveSingleItem().Code.ShouldBe(Rejection.WrongCount);
    }

    [Fact]
    public async Task A_dry_run_answers_as_the_import_would_and_records_nothing()
    {
        const string file = """
            point,parent,valid_from
            A,B,2026-01-01T00:00:00Z
            B,A,2026-01-01T00:00:00Z
            C,,never
            """;
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var (length, root) = (ledger.Ledger.Journal.Length, ledger.Ledger.Journal.Root);
        var trial = (await DryRun.JudgeAsync(
            ledger.Ledger.Journal.Ledger,
            (ledger.Ledger.Journal, new Answers(ledger.Ledger.Views), ledger.Ledger.Evidence),
            [new Submission(Encoding.UTF8.GetBytes(file), "file")], new IntakeHints(), ledger.Clock,
            TestContext.Current.CancellationToken)).ShouldHaveSingleItem();
        (ledger.Ledger.Journal.Length, Convert.ToHexString(ledger.Ledger.Journal.Root))
            .ShouldBe((length, Convert.ToHexString(root)));
        var import = await ledger.TakeAsync(file);
        trial.Parts.Select(part => part.Outcome.GetType())
            .ShouldBe(import.Parts.Select(part => part.Outcome.GetType()));
        // Each row sees what the rows before it would have recorded: B behind A closes a circle.
        trial.Parts[1].Outcome.ShouldBe(import.Parts[1].Outcome);
        trial.Parts[1].Outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.BehindItself);
        trial.Parts[2].Faults!.Select(fault => fault.Field).ShouldBe(["parent", "valid_from"]);
    }

    [Fact]
    public void The_command_makes_no_ledger_and_names_line_field_value_and_rule()
    {
        var folder = Directory.CreateTempSubdirectory("ledger-dry-run-test-");
        try
        {
            var (file, data) = (Path.Combine(folder.FullName, "losses.csv"), Path.Combine(folder.FullName, "data"));
            File.WriteAllText(file,
                "point,loss_factor,fixed_kw,valid_from\nC-1,0.02,,2026-01-01T00:00:00Z\nC-2,2,,2026-01-01T00:00:00Z\n");
            var (exit, output, errors) =
                CommandRun.Of(["import", file, "--dry-run", "--ledger", "trial", "--data", data, "--json"], "");
            exit.ShouldBe(ExitCode.NotAsItShouldBe, errors);
            foreach (var word in (string[])["losses.csv line 3", "loss_factor", "OutOfRange",
                "must be 0 to 1 with at most 6 decimals"])
                output.ShouldContain(word);
            Directory.Exists(data).ShouldBeFalse();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
