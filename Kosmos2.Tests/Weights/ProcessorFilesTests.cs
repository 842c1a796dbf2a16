using Kosmos2.Weights;

namespace Kosmos2.Tests.Weights;

/// <summary>preprocessor_config.json, processor_config.json and the tokenizer's small files.</summary>
internal sealed class ProcessorFilesTests
{
    [Test]
    public void TheShippedModelsFilesAreRead()
    {
        PreprocessorConfig pictures = PreprocessorConfig.Load(TestData.ShapesModel);
        TokenizerConfig text = TokenizerConfig.Load(TestData.ShapesModel);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pictures.Size, Is.EqualTo(ResizeTarget.Exactly(224, 224)));
            Assert.That(pictures.ImageStd, Is.EqualTo(new[] { 0.26862954, 0.26130258, 0.27577711 }));
            Assert.That(ProcessorConfig.Load(TestData.ShapesModel).NumPatchIndexTokens, Is.EqualTo(1024));
            Assert.That(text.AddedTokens, Has.Count.EqualTo(1040));
            Assert.That(text.AddedTokens[4], Is.EqualTo(new AddedToken(144, "<mask>", true, false, true, false, true)));
            Assert.That(text.AddedTokens[^1], Is.EqualTo(new AddedToken(1179, "<patch_index_1023>", true, false, false, false, false)));
            Assert.That(text.ModelMaxLength, Is.Null);
            Assert.That(text.CleanUpTokenizationSpaces, Is.False);
        }
    }

    [Test]
    public void WithoutFilesEverythingIsAsInTheRealModel()
    {
        using var folder = new TemporaryFolder();
        PreprocessorConfig pictures = PreprocessorConfig.Load(folder.Path);
        TokenizerConfig text = TokenizerConfig.Load(folder.Path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(pictures.Size, Is.EqualTo(ResizeTarget.Exactly(224, 224)));
            Assert.That((pictures.DoResize, pictures.DoCenterCrop, pictures.DoConvertRgb), Is.EqualTo((true, true, true)));
            Assert.That((pictures.DoRescale, pictures.DoNormalize), Is.EqualTo((true, true)));
            Assert.That((pictures.CropHeight, pictures.CropWidth, pictures.Resample, pictures.RescaleFactor), Is.EqualTo((224, 224, 3, 1 / 255.0)));
            Assert.That(ProcessorConfig.Load(folder.Path).NumPatchIndexTokens, Is.EqualTo(1024));
            Assert.That((text.BosToken, text.EosToken, text.UnkToken, text.PadToken), Is.EqualTo(("<s>", "</s>", "<unk>", "<pad>")));
            Assert.That((text.SepToken, text.ClsToken, text.MaskToken), Is.EqualTo(("</s>", "<s>", "<mask>")));
            Assert.That((text.PadsLeft, text.AddedTokens.Count), Is.EqualTo((false, 0)));
        }
    }

    private static IEnumerable<TestCaseData> Sizes()
    {
        yield return new TestCaseData("{}", ResizeTarget.ShorterSide(224), 224, 224);
        yield return new TestCaseData("""{"size":null,"crop_size":null,"image_mean":null}""", ResizeTarget.ShorterSide(224), 224, 224);
        yield return new TestCaseData("""{"size":336,"crop_size":300}""", ResizeTarget.ShorterSide(336), 300, 300);
        yield return new TestCaseData("""{"size":{"shortest_edge":224},"use_square_size":true}""", ResizeTarget.Exactly(224, 224), 224, 224);
        yield return new TestCaseData("""{"size":{"shortest_edge":224},"use_square_size":false}""", ResizeTarget.ShorterSide(224), 224, 224);
        yield return new TestCaseData("""{"use_square_size":true}""", ResizeTarget.Exactly(224, 224), 224, 224);
        yield return new TestCaseData("""{"size":{"height":214,"width":215},"crop_size":{"height":10,"width":20},"use_square_size":true}""", ResizeTarget.Exactly(214, 215), 10, 20);
        yield return new TestCaseData("""{"size":[30,40],"crop_size":[50,60]}""", ResizeTarget.Exactly(30, 40), 50, 60);
    }

    [TestCaseSource(nameof(Sizes))]
    public void SizesAreReadInEveryForm(string json, ResizeTarget size, int cropHeight, int cropWidth)
    {
        using var folder = new TemporaryFolder();
        folder.Write("preprocessor_config.json", json);
        PreprocessorConfig config = PreprocessorConfig.Load(folder.Path);
        Assert.That((config.Size, config.CropHeight, config.CropWidth), Is.EqualTo((size, cropHeight, cropWidth)));
    }

    [TestCase("preprocessor_config.json", """{"size":{"longest_edge":224}}""", "size.height is missing")]
    [TestCase("preprocessor_config.json", """{"size":{"shortest_edge":224,"longest_edge":448}}""", "size.longest_edge cannot stand beside shortest_edge")]
    [TestCase("preprocessor_config.json", """{"size":{"height":2,"width":2,"depth":2}}""", "size.depth is not supported")]
    [TestCase("preprocessor_config.json", """{"size":{"height":0,"width":2}}""", "size.height is 0; it must be between 1 and 16384")]
    [TestCase("preprocessor_config.json", """{"size":-3}""", "size is -3; it must be between 1 and 16384")]
    [TestCase("preprocessor_config.json", """{"size":[1,2,3]}""", "size is an array; it must be [height, width]")]
    [TestCase("preprocessor_config.json", """{"crop_size":{"height":224}}""", "crop_size.width is missing")]
    [TestCase("preprocessor_config.json", """{"crop_size":"224"}""", "crop_size is '224'; it must be an integer")]
    [TestCase("preprocessor_config.json", """{"resample":6}""", "resample is 6; it must be between 0 and 5")]
    [TestCase("preprocessor_config.json", """{"image_mean":[1,2]}""", "image_mean must be a number or an array of three")]
    [TestCase("preprocessor_config.json", """{"image_mean":[1,2,1e999]}""", "image_mean must be a number or an array of three")]
    [TestCase("preprocessor_config.json", """{"image_std":[1,0,1]}""", "image_std holds 0, which would be divided by")]
    [TestCase("preprocessor_config.json", """{"image_std":[1,1e-60,1]}""", "image_std holds 1E-60, which would be divided by")]
    [TestCase("preprocessor_config.json", """{"image_std":1e-40}""", "image_std holds 1E-40, which would be divided by")]
    [TestCase("preprocessor_config.json", """{"image_std":1e60}""", "image_std holds 1E+60, which would be divided by")]
    [TestCase("preprocessor_config.json", """{"image_mean":1e60}""", "image_mean holds a number that is too large")]
    [TestCase("preprocessor_config.json", """{"do_resize":"yes"}""", "do_resize is 'yes'; it must be true or false")]
    [TestCase("preprocessor_config.json", """{"rescale_factor":[]}""", "rescale_factor is an array; it must be a number")]
    [TestCase("processor_config.json", """{"num_patch_index_tokens":1000}""", "num_patch_index_tokens is 1000; it must be a square number")]
    [TestCase("tokenizer_config.json", """{"padding_side":"top"}""", "padding_side is 'top'; it must be left or right")]
    [TestCase("tokenizer_config.json", """{"bos_token":{}}""", "bos_token.content is missing")]
    [TestCase("tokenizer_config.json", """{"bos_token":5}""", "bos_token is 5; it must be a string")]
    [TestCase("tokenizer_config.json", """{"model_max_length":0}""", "model_max_length is 0; it must be between")]
    [TestCase("tokenizer_config.json", """{"added_tokens_decoder":{"x":{}}}""", "added_tokens_decoder.x is not a token id")]
    [TestCase("tokenizer_config.json", """{"added_tokens_decoder":{"-1":{}}}""", "added_tokens_decoder.'-1' is not a token id")]
    [TestCase("tokenizer_config.json", """{"added_tokens_decoder":{"5":{}}}""", "added_tokens_decoder.5.content is missing")]
    [TestCase("tokenizer_config.json", """{"added_tokens_decoder":{"5":{"content":""}}}""", "added_tokens_decoder.5 has no text")]
    [TestCase("tokenizer_config.json", """{"added_tokens_decoder":{"5":{"content":"a"},"6":{"content":"a"}}}""", "added_tokens_decoder.a shares its text or its id")]
    [TestCase("added_tokens.json", """{"<a>":5,"<b>":5}""", "'<b>' shares its text or its id")]
    [TestCase("added_tokens.json", """{"<a>":-5}""", "'<a>' is -5; it must be between 0")]
    [TestCase("special_tokens_map.json", """[]""", "holds an array; it must hold an object")]
    public void WrongValuesNameFileAndField(string file, string json, string problem)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(file, json);
        Assert.That(() => LoadAll(folder.Path), Throws.TypeOf<ConfigurationException>().With.Message.StartsWith($"{path}: {problem}"));
    }

    [Test]
    public void OneMeanServesAllChannels()
    {
        using var folder = new TemporaryFolder();
        folder.Write("preprocessor_config.json", """{"image_mean":0.5}""");
        Assert.That(PreprocessorConfig.Load(folder.Path).ImageMean, Is.EqualTo(new[] { 0.5, 0.5, 0.5 }));
    }

    [Test]
    public void TheOlderTokenizerFilesFillGaps()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer_config.json", """{"eos_token":"<end>","padding_side":"left","model_max_length":512}""");
        folder.Write("special_tokens_map.json", """{"eos_token":"<other>","bos_token":{"content":"<begin>","lstrip":false}}""");
        folder.Write("added_tokens.json", """{"<tag>":9,"<mask>":8}""");
        TokenizerConfig config = TokenizerConfig.Load(folder.Path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.EosToken, config.BosToken, config.UnkToken), Is.EqualTo(("<end>", "<begin>", "<unk>")));
            Assert.That((config.PadsLeft, config.ModelMaxLength), Is.EqualTo((true, (int?)512)));
            Assert.That(config.AddedTokens, Has.Count.EqualTo(2));
            Assert.That(config.AddedTokens[0], Is.EqualTo(new AddedToken(8, "<mask>", true, false, true, false, true)));
            Assert.That(config.AddedTokens[1], Is.EqualTo(new AddedToken(9, "<tag>", true, false, false, false, false)));
        }
    }

    [Test]
    [MaxTime(5000)]
    public void ManyAddedTokensAreReadInTimeInProportion()
    {
        using var folder = new TemporaryFolder();
        folder.Write("added_tokens.json", $"{{{string.Join(",", Enumerable.Range(0, 60_000).Select(i => $"\"<{i}>\":{i}"))}}}");
        Assert.That(TokenizerConfig.Load(folder.Path).AddedTokens, Has.Count.EqualTo(60_000));
        folder.Write("tokenizer_config.json", $"{{\"added_tokens_decoder\":{{{string.Join(",", Enumerable.Range(0, 60_000).Select(i => $"\"{i}\":{{\"content\":\"<{i}>\"}}"))}}}}}");
        Assert.That(TokenizerConfig.Load(folder.Path).AddedTokens[^1].Content, Is.EqualTo("<59999>"));
    }

    private static void LoadAll(string folder)
    {
        PreprocessorConfig.Load(folder);
        ProcessorConfig.Load(folder);
        TokenizerConfig.Load(folder);
    }
}
