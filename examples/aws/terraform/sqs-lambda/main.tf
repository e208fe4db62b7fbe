terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5.57" }
  }
}

data "aws_partition" "here" {}

variable "queue_arn" {
  type        = string
  description = "Output of what made the queue"
}

variable "package" {
  type        = string
  description = "Path of the function's package, such as ses-events.zip"
}

variable "uri_secret" {
  type        = string
  description = "ARN of the secret that holds the MongoDB URI"
}

resource "aws_iam_role" "function" {
  name_prefix = "ses-events-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "function" {
  role       = aws_iam_role.function.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole"
}

resource "aws_iam_role_policy" "function" {
  role = aws_iam_role.function.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = var.uri_secret },
    ]
  })
}

resource "aws_lambda_function" "events" {
  function_name    = "ses-events"
  runtime          = "python3.13"
  handler          = "app.lambda_handler"
  role             = aws_iam_role.function.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  timeout          = 30
  memory_size      = 512
  environment {
    variables = { URI_SECRET = var.uri_secret }
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  function_name                      = aws_lambda_function.events.arn
  event_source_arn                   = var.queue_arn
  batch_size                         = 100
  maximum_batching_window_in_seconds = 5
  function_response_types            = ["ReportBatchItemFailures"]
  scaling_config {
    maximum_concurrency = 10
  }
}
