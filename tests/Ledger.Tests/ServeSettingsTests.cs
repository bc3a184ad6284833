using System.Text.Json;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a server is started with, and what is said of it before it is.</summary>
public sealed class ServeSettingsTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();

    public void Dispose() => town.Dispose();

    private List<(string What, bool Good, string Says)> Check(out int exit, params string[] options)
    {
        var run = CommandRun.Of(["check", "--json", .. options], clock: new StandingClock(SmallTown.Now));
        run.Errors.ShouldBeEmpty();
        exit = run.Exit;
        return [.. JsonDocument.Parse(run.Output).RootElement.GetProperty("checks").EnumerateArray()
            .Select(row => (row.GetProperty("what").GetString()!, row.GetProperty("good").GetBoolean(),
                row.GetProperty("says").GetString()!))];
    }

    [Fact]
    public void A_folder_that_can_be_served_is_good_and_each_thing_in_its_way_is_named()
    {
        var port = FreePorts.Next();
        Check(out var good, "--data", town.Data, "--port", $"{port}").ShouldAllBe(check => check.Good);
        good.ShouldBe(ExitCode.Done);
        var open = Check(out var wrong, "--data", town.Data, "--port", $"{port}", "--listen", "0.0.0.0");
        wrong.ShouldBe(ExitCode.NotAsItShouldBe);
        open.Where(check => !check.Good).Select(check => check.What).ShouldBe(["access"]);
        open.Single(check => check.What == "access").Says.ShouldContain("needs access keys");
        var nowhere = Check(out _, "--data", Path.Combine(town.Data, "nowhere"), "--port", $"{port}", "--tls-certificate",
            "no.pem", "--tls-key", "no.pem");
        nowhere.Where(check => !check.Good).Select(check => check.What).ShouldBe(["data folder", "access"]);
    }

    [Fact]
    public void Settings_come_from_a_file_and_the_command_line_goes_before_it()
    {
        var port = FreePorts.Next();
        var file = town.File("serve.json", $$"""{"data":"{{town.Data}}","listen":"0.0.0.0","port":{{port}}}""");
        Check(out _, "--settings", file).Single(check => check.What == "access").Good.ShouldBeFalse();
        var over = Check(out var exit, "--settings", file, "--listen", "127.0.0.1");
        exit.ShouldBe(ExitCode.Done, string.Join('\n', over));
        over.Single(check => check.What == "port").Says.ShouldBe($"127.0.0.1 port {port} is free");
    }

    [Theory]
    [InlineData("""{"tslKey":"x"}""", "there is no setting tslKey")]
    [InlineData("""{"settings":"x"}""", "there is no setting settings")]
    [InlineData("""{"port":"1","port":"2"}""", "Malformed")]
    [InlineData("""["port"]""", "must be an object")]
    [InlineData("""{"port":null}""", "must be a string")]
    [InlineData("", "")]
    public void A_setting_that_nobody_knows_or_that_says_nothing_is_refused(string text, string why)
    {
        var run = CommandRun.Of(["check", "--data", town.Data, "--settings", town.File("serve.json", text)]);
        (run.Exit, run.Output).ShouldBe((ExitCode.CouldNot, ""));
        if (why != "Malformed") run.Errors.ShouldContain(why);
        run.Errors.ShouldStartWith("ledger check: ");
    }

    [Fact]
    public async Task A_variable_that_looks_like_a_setting_and_is_none_is_refused()
    {
        var started = await Should.ThrowAsync<InvalidOperationException>(() => ServeProcess.StartAsync(["serve"],
            town.Data, FreePorts.Next(), TestContext.Current.CancellationToken, ["env", "LEDGER_ACESS=keys"]));
        started.Message.ShouldContain("LEDGER_ACESS in the environment: there is no such setting");
        started.Message.ShouldContain("LEDGER_ACCESS");
    }

    /// <summary>Also a variable of the tests: what it says to them it does not say to a server.</summary>
    [Theory]
    [InlineData("LEDGER_SAMPLES", "/samples", "LEDGER_SAMPLES in the environment: there is no such setting")]
    [InlineData("LEDGER_LISTEN", "0.0.0.0", "needs access keys")]
    [InlineData("LEDGER_REFUSED_PER_DAY", "64", "less refused in a day than one file")]
    [InlineData("LEDGER_DISK_RESERVE", "16777216", "what is refused would not be kept")]
    [InlineData("LEDGER_DISK_RESERVE", "half", "--disk-reserve")]
    public void A_variable_is_a_setting_or_refused(string name, string value, string says)
    {
        var run = CommandRun.Of(["check", "--json", "--data", town.Data, "--port", $"{FreePorts.Next()}"],
            clock: new StandingClock(SmallTown.Now),
            environment: new Dictionary<string, string> { [name] = value, ["PATH"] = "/bin" });
        run.Exit.ShouldNotBe(ExitCode.Done);
        (run.Output + run.Errors).ShouldContain(says);
    }

    [Theory]
    [InlineData("webhooks", "networks like 10.1.0.0/16, not '10.0.0.0/99'", "--webhook-networks", "10.0.0.0/99")]
    [InlineData("give up after", "whole seconds, 0 to 60", "--stream-port", "0", "--give-up-after", "99")]
    [InlineData(null, "may also be sent to 10.1.0.0/16", "--webhook-networks", "10.1.0.0/16")]
    [InlineData(null, "after 0:00:00:30", "--stream-port", "0", "--give-up-after", "30")]
    public void An_option_that_serve_would_refuse_is_named(string? wrong, string says, params string[] options)
    {
        var checks = Check(out var exit, ["--data", town.Data, "--port", $"{FreePorts.Next()}", .. options]);
        exit.ShouldBe(wrong is null ? ExitCode.Done : ExitCode.NotAsItShouldBe);
        checks.Where(check => !check.Good).Select(check => check.What).ShouldBe(wrong is null ? [] : [wrong]);
        checks.ShouldContain(check => check.Says.Contains(says, StringComparison.Ordinal));
    }

    [Fact]
    public void One_port_is_not_two()
    {
        var port = FreePorts.Next();
        Check(out _, "--data", town.Data, "--port", $"{port}", "--stream-port", $"{port}")
            .Where(check => !check.Good).Select(check => check.What).ShouldBe(["stream port"]);
        Check(out var exit, "--data", town.Data, "--port", $"{port}", "--stream-port", $"{FreePorts.Next()}")
            .ShouldAllBe(check => check.Good);
        exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Frames that were acknowledged are there, or nothing is served; to look records nothing.</summary>
    [Fact]
    public async Task A_frame_log_that_lacks_what_was_acknowledged_is_named()
    {
        var frames = Path.Combine(town.Data, FrameLogOptions.FolderName);
        using (var log = FrameLog.Open(new(frames)))
        {
            var buffer = new byte[1024];
            var frame = FrameWriter.Announce(buffer, 0, StreamTown.DayMicroseconds, 0);
            frame.TryAdd(new Announcement(0, new("S01-C1"), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
            log.TryAppend(buffer.AsMemory(0, frame.Finish()), log.StartSession(), SmallTown.Now, out var durable)
                .ShouldBeTrue();
            await durable;
        }
        string[] options = ["--data", town.Data, "--port", $"{FreePorts.Next()}"];
        var facts = Check(out var good, options).Single(check => check.What == "data folder").Says;
        good.ShouldBe(ExitCode.Done);
        Check(out _, options).Single(check => check.What == "data folder").Says.ShouldBe(facts);
        await using (var torn = File.OpenWrite(Path.Combine(frames, "000000.frames"))) torn.SetLength(torn.Length - 1);
        var folder = Check(out var exit, options).Single(check => !check.Good);
        (exit, folder.What).ShouldBe((ExitCode.NotAsItShouldBe, "data folder"));
        folder.Says.ShouldContain("from a copy");
    }

    /// <summary>A server that does not answer stands in the way, and hides nothing else that does.</summary>
    [Fact]
    public void A_store_that_cannot_be_reached_is_named_and_the_rest_is_looked_at()
    {
        using var empty = new SmallTown();
        var checks = Check(out var exit, "--data", empty.Data, "--port", $"{FreePorts.Next()}", "--store",
            $"postgres:Host=127.0.0.1;Port={FreePorts.Next()};Database=ledger;Username=ledger");
        exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var folder = checks.Single(check => check.What == "data folder");
        (folder.Good, folder.Says.Contains("cannot be opened", StringComparison.Ordinal)).ShouldBe((false, true), folder.Says);
        checks.Select(check => check.What).ShouldBe(["data folder", "access", "refused evidence", "port"]);
    }

    [Fact]
    public void How_much_of_what_is_refused_is_kept_is_said()
    {
        Check(out var exit, "--data", town.Data, "--port", $"{FreePorts.Next()}", "--refused-per-day", "65",
            "--disk-reserve", "0").Single(check => check.What == "refused evidence").Says
            .ShouldStartWith("65 MiB a party and day are kept, 0 MiB of the disk are left to facts");
        exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Who says whose tokens are taken means to let others in, also through a proxy on this machine.</summary>
    [Fact]
    public void Where_tokens_are_taken_everybody_shows_who_he_is()
    {
        town.File("keys.json", """{"keys":[]}""");
        var tokens = town.File("tokens.json",
            """{"issuer":"https://login.example","audience":"ledger","algorithms":["ES256"],"keys":"keys.json"}""");
        string[] options = ["--data", town.Data, "--port", $"{FreePorts.Next()}", "--tokens", tokens];
        Check(out var good, options).Single(check => check.What == "access").Says.ShouldBe("everybody needs a key");
        good.ShouldBe(ExitCode.Done);
        var open = CommandRun.Of(["check", .. options, "--access", "open"], clock: new StandingClock(SmallTown.Now));
        open.Exit.ShouldNotBe(ExitCode.Done);
        (open.Output + open.Errors).ShouldContain("--access is keys, because tokens are taken");
    }

    [Fact]
    public void The_example_of_a_deployment_names_settings_that_there_are()
    {
        var run = CommandRun.Of(["check", "--settings", Repository.PathOf("deploy/serve.json"), "--data", town.Data, "--json"]);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe); // the certificate of the example is not here
        run.Output.ShouldContain("server.pem");
    }

    /// <summary>Access is given, shown and taken by the command line, beside nobody and beside a server.</summary>
    [Fact]
    public void Keys_are_given_shown_once_listed_and_revoked()
    {
        var created = town.Run("keys", "create", "--holder", "kim", "--role", "station", "--party", "cpo", "--station",
            "S01", "--days", "30", "--json");
        created.Exit.ShouldBe(ExitCode.Done, created.Errors);
        var json = JsonDocument.Parse(created.Output).RootElement;
        var key = json.GetProperty("key").GetString()!;
        json.GetProperty("secret").GetString()!.ShouldStartWith($"ledger_{key}_");
        var list = JsonDocument.Parse(town.Run("keys", "list", "--json").Output).RootElement.GetProperty("keys")[0];
        (list.GetProperty("key").GetString(), list.GetProperty("holder").GetString(), list.GetProperty("role").GetString(),
            list.GetProperty("stations").GetString(), list.GetProperty("standing").GetString())
            .ShouldBe((key, "kim", "station", "S01", "valid"));
        town.Run("keys", "revoke", key, "--reason", "lost").Exit.ShouldBe(ExitCode.Done);
        town.Run("keys", "revoke", key, "--reason", "lost").Output.ShouldContain("already revoked");
        town.Run("keys", "list").Output.ShouldContain("revoked");
        var unknown = town.Run("keys", "revoke", "k0", "--reason", "lost");
        (unknown.Exit, unknown.Errors).ShouldBe((ExitCode.NotAsItShouldBe,
            "ledger keys: UnknownAccessKey (215): there is no key k0\n"));
        town.Run("keys", "create", "--holder", "kim", "--role", "owner", "--party", "cpo").Exit.ShouldBe(ExitCode.Usage);
        // A ledger that has given a key asks everybody for one.
        town.Run("serve", "--access", "open", "--port", "0").Exit.ShouldBe(ExitCode.Usage);
    }
}
